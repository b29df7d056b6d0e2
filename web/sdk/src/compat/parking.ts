/** The car park's names: `createSSEClient()` with typed events. */
import { createClient } from '../client.js';
import type { ClientOptions } from '../options.js';
import { parkingPreset } from '../presets.js';
import type { Gap, Off, Snapshot } from '../types.js';

export { parkingPreset } from '../presets.js';

export interface CapacityUpdate {
  parkingLotId: string;
  totalSlots: number;
  occupied: number;
  empty: number;
  occupancyRate: number;
  timestamp: Date;
  event?: 'vehicle_entry' | 'vehicle_exit';
  plateNumber?: string;
  duration?: number;
}

export interface Alert {
  _id: string;
  type: 'capacity_warning' | 'capacity_breach' | 'camera_offline' | 'violation_detected';
  severity: 'low' | 'medium' | 'high' | 'critical';
  parkingLotId: string;
  contractorId?: string;
  message: string;
  status: 'active' | 'acknowledged' | 'resolved';
  createdAt: Date;
}

export interface Violation {
  _id: string;
  contractorId: string;
  parkingLotId: string;
  violationType: 'overparking' | 'unauthorized_vehicle' | 'capacity_breach';
  timestamp: Date;
  details: { allocatedCapacity: number; actualOccupancy: number; excessVehicles: number; duration: number };
  penalty: number;
  status: 'pending' | 'acknowledged' | 'resolved';
}

/** Which data each event of the car park carries. */
export interface SSEEventMap {
  connected: { clientId: string; timestamp: Date };
  capacity_update: CapacityUpdate;
  alert: Alert;
  violation: Violation;
  ping: { timestamp: Date };
}

type Callback<T extends keyof SSEEventMap> = (data: SSEEventMap[T]) => void;

/** Dates cross the wire as text. */
function revive(data: unknown): unknown {
  if (typeof data !== 'object' || data === null) return data;
  const out: Record<string, unknown> = { ...data };
  for (const name of ['timestamp', 'createdAt']) {
    const value = out[name];
    if (typeof value === 'string' || typeof value === 'number') out[name] = new Date(value);
  }
  return out;
}

export interface SSEClient {
  connect(): void;
  disconnect(): void;
  /** Tries again at once, also after the last of the documented tries. */
  reconnect(): void;
  /** Says that what a gap lost was fetched anew: the snapshot's `stale` goes. */
  markFresh(): void;
  on<T extends keyof SSEEventMap>(type: T, callback: Callback<T>): Off;
  off<T extends keyof SSEEventMap>(type: T, callback: Callback<T>): void;
  onConnected(callback: Callback<'connected'>): Off;
  onCapacityUpdate(callback: Callback<'capacity_update'>): Off;
  onAlert(callback: Callback<'alert'>): Off;
  onViolation(callback: Callback<'violation'>): Off;
  onPing(callback: Callback<'ping'>): Off;
  /** Events were missed: fetch what is shown anew, then `markFresh()`. */
  onGap(callback: (gap: Gap) => void): Off;
  getSnapshot(): Snapshot;
  subscribeSnapshot(listener: () => void): Off;
}

/** A client of the dashboard stream: 5 tries after 2, 4, 8, 16 and 32 s. */
export function createSSEClient(options: Partial<ClientOptions> = {}): SSEClient {
  const client = createClient({ ...parkingPreset, ...options });
  const wrapped = new Map<string, Map<unknown, Off>>();

  function off(type: string, callback: unknown): void {
    wrapped.get(type)?.get(callback)?.();
    wrapped.get(type)?.delete(callback);
  }
  function on<T extends keyof SSEEventMap>(type: T, callback: Callback<T>): Off {
    off(type, callback);
    const own = wrapped.get(type) ?? new Map<unknown, Off>();
    wrapped.set(type, own.set(callback, client.on(type, (data) => callback(revive(data) as SSEEventMap[T]))));
    return () => off(type, callback);
  }
  return {
    connect: client.connect,
    disconnect: client.disconnect,
    reconnect: client.reconnect,
    markFresh: client.markFresh,
    on,
    off,
    onConnected: (callback) => on('connected', callback),
    onCapacityUpdate: (callback) => on('capacity_update', callback),
    onAlert: (callback) => on('alert', callback),
    onViolation: (callback) => on('violation', callback),
    onPing: (callback) => on('ping', callback),
    onGap: (callback) => client.on('gap', callback),
    getSnapshot: client.getSnapshot,
    subscribeSnapshot: client.subscribeSnapshot,
  };
}
