/** What the pages of the five applications share. */
import './kit.css';

export { api, ApiError, onRejected, preload, type ApiOptions } from './api';
export { LiveChart, Sparkline, type LiveChartProps, type Point, type Series } from './chart';
export { Field, NumberField, Select, Switch, TextField, type NumberFieldProps, type SelectProps, type TextFieldProps } from './fields';
export { format } from './format';
export { Icon, type IconName } from './icon';
export { Dialog, Empty, Notice, Panel, Table, Tabs, type Column, type PanelProps, type TableProps, type TabsProps } from './layout';
export { mount } from './mount';
export { Badge, Button, Flash, IconButton, Meter, Tile, Tiles, type ButtonProps, type MeterProps, type TileProps, type Tone } from './parts';
export { preloadSession, RequireSession, useSession, type DemoLogin, type Session } from './session';
export { Mark, Shell, type ShellProps } from './shell';
export { Stale, StaleFrame, useStaleSince, type Freshness } from './stale';
export { ThemeSwitch, useShownTheme } from './theme';
export { WorldControl } from './world';
