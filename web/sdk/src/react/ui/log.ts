import { createElement as h } from 'react';
import type { FreshetEvent } from '../../types.js';
import type { Toast } from '../toasts.js';
import { look, dot, problem, type ConnectionLike } from './status.js';

export interface EventLogProps {
  events: readonly Pick<FreshetEvent, 'id' | 'type' | 'data' | 'time'>[];
  /** Most rows; the newest come first. Default 100. */
  max?: number;
  /** Name of the list for screen readers. Default `Events`. */
  label?: string;
  onClear?: (() => void) | undefined;
}

const asText = (data: unknown): string => (typeof data === 'string' ? data : JSON.stringify(data) ?? '');

/** Events as rows, newest first. What they carry is text and never markup. */
export function EventLog({ events, max = 100, label = 'Events', onClear }: EventLogProps) {
  const rows = events.slice(-max).reverse();
  return h('div', { className: 'fr-log' },
    onClear && h('button', { type: 'button', onClick: onClear, disabled: !rows.length }, 'Clear'),
    h('ol', { 'aria-label': label, tabIndex: 0 },
      rows.map(({ id, type, data, time }, i) =>
        h('li', { key: id ?? events.length - i },
          time && h('time', { dateTime: new Date(time).toISOString() }, new Date(time).toLocaleTimeString()),
          h('b', null, type), ' ', h('code', null, asText(data))))),
    !rows.length && h('p', null, 'No events yet'));
}

export interface ToasterProps {
  toasts: readonly Toast[];
  onDismiss: (id: number) => void;
}

/** Shows toasts, as text; a screen reader announces each once. */
export const Toaster = ({ toasts, onDismiss }: ToasterProps) =>
  h('div', { className: 'fr-toasts', role: 'log', 'aria-live': 'polite', 'aria-label': 'Notifications' },
    toasts.map(({ id, text }) =>
      h('div', { key: id, className: 'fr-toast' },
        h('span', null, text),
        h('button', { type: 'button', 'aria-label': `Dismiss: ${text}`, onClick: () => onDismiss(id) }, '\u00d7'))));

export interface SSEStatusProps {
  connection: ConnectionLike;
  onConnect: () => void;
  onDisconnect: () => void;
  onReconnect: () => void;
  /** Shows the history below the controls. Default: none. */
  events?: EventLogProps['events'];
  onClear?: () => void;
}

/** State, controls, history and last error in one panel. */
export function SSEStatus({ connection, onConnect, onDisconnect, onReconnect, events, onClear }: SSEStatusProps) {
  const shown = look({ connection });
  const off = shown.tone === 'bad';
  const error = problem(connection.error);
  const button = (text: string, onClick: () => void, disabled: boolean) => h('button', { type: 'button', onClick, disabled }, text);
  return h('section', { className: 'fr-panel', 'aria-label': 'Real-time connection' },
    h('p', { role: 'status' }, dot(shown), shown.label),
    h('div', { className: 'fr-controls' },
      button('Connect', onConnect, !off), button('Disconnect', onDisconnect, off), button('Reconnect', onReconnect, false)),
    error && h('p', { className: 'fr-error' }, 'Last error: ', error),
    events && h(EventLog, { events, onClear }));
}

/** The state for a toolbar. */
export function SSEStatusCompact({ connection }: { connection: ConnectionLike }) {
  const shown = look({ connection });
  return h('span', { className: 'fr-status', role: 'status', title: shown.label },
    dot(shown), h('span', { className: 'fr-hidden' }, shown.label));
}
