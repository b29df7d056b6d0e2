import { createElement as h, useId, useState } from 'react';
import { details, dot, look, problem, useCountdown, type StatusProps } from './status.js';

export interface ConnectionStatusProps extends StatusProps {
  /** Pins it to a corner of the page. Default: it stays where it is put. */
  position?: 'top-left' | 'top-right' | 'bottom-left' | 'bottom-right';
  /** Shows transport, attempt, last event and error in the tooltip. Default `false`. */
  showDetails?: boolean;
  /** Shows the words beside the icon; screen readers get them anyway. Default `true`. */
  showLabel?: boolean;
  /** The tooltip's first line. Default: the label. */
  title?: string;
}

/** The state of a connection as icon, colour and words; the details on hover, focus or Escape to hide. */
export function ConnectionStatus({ position, showDetails, showLabel = true, title, ...props }: ConnectionStatusProps) {
  const shown = look(props);
  const [open, setOpen] = useState(false);
  const id = useId();
  const list = showDetails ? details(props.connection) : [];
  const label = h('span', { className: showLabel ? 'fr-label' : 'fr-hidden' }, shown.label);
  return h('div', { className: 'fr-status', 'data-state': shown.name, 'data-position': position, title: showDetails ? undefined : title ?? shown.label },
    h('span', { role: 'status' }, dot(shown), label),
    showDetails && h('button', {
      type: 'button', className: 'fr-more', 'aria-label': 'Connection details', 'aria-expanded': open, 'aria-controls': id,
      onClick: () => setOpen(!open), onMouseEnter: () => setOpen(true), onMouseLeave: () => setOpen(false), onBlur: () => setOpen(false),
      onKeyDown: ({ key }: { key: string }) => key === 'Escape' && setOpen(false),
    }, 'i'),
    showDetails && h('dl', { id, className: 'fr-tip', hidden: !open },
      [['State', title ?? shown.label], ...list].flatMap(([term, text]) => [h('dt', { key: `t${term}` }, term), h('dd', { key: `d${term}` }, text)])));
}

/** Only the dot; the words are its tooltip and what a screen reader says. */
export const ConnectionStatusCompact = (props: Omit<ConnectionStatusProps, 'showLabel' | 'showDetails'>) =>
  h(ConnectionStatus, { ...props, showLabel: false });

/** A badge for headers. With `calm`, everything but connected is grey and not red. */
export function ConnectionStatusBadge({ calm, ...props }: StatusProps & { calm?: boolean }) {
  const shown = look(props);
  return h('span', { className: 'fr-badge', role: 'status', 'data-state': shown.name, 'data-tone': calm && shown.tone !== 'good' ? 'calm' : shown.tone },
    dot(shown), h('span', null, shown.label));
}

export interface ConnectionStatusBannerProps extends StatusProps {
  /** Shows a button that hides the banner until the state changes. */
  onDismiss?: () => void;
}

/** A banner that is there only while something is wrong. */
export function ConnectionStatusBanner({ onDismiss, ...props }: ConnectionStatusBannerProps) {
  const shown = look(props);
  const seconds = useCountdown(props.connection?.nextRetryAt);
  const { reconnect, error, stale } = props.connection ?? {};
  const [hidden, setHidden] = useState<string | null>(null);
  const fine = shown.name === 'connected' && !stale;
  if (hidden !== null && hidden !== shown.name) setHidden(null); // another state is news again
  const show = !fine && shown.name !== hidden;
  return h('div', { role: 'status' }, show && h('div', { className: 'fr-banner', 'data-tone': shown.tone },
    dot(shown),
    h('span', null, shown.label, shown.tone === 'bad' && problem(error) ? `: ${problem(error)}` : ''),
    // Counts every second: not for screen readers, which would read each one out
    seconds !== null && h('span', { 'aria-hidden': true }, `next try in ${seconds} s`),
    reconnect && shown.tone !== 'good' && h('button', { type: 'button', onClick: reconnect }, 'Try now'),
    onDismiss && h('button', { type: 'button', 'aria-label': 'Dismiss', onClick: () => {
      setHidden(shown.name);
      onDismiss();
    } }, '\u00d7')));
}
