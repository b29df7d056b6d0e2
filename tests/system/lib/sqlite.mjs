// The sqlite3 shell: another program that changes a database.
import { spawn, spawnSync } from 'node:child_process';

export function sqlite(file, sql) {
  const r = spawnSync('sqlite3', ['-cmd', '.timeout 5000', file], { input: sql, encoding: 'utf8' });
  if (r.status !== 0 || r.stderr) throw new Error(`sqlite3: ${r.stderr}`);
  return r.stdout.trim();
}

// Holds an exclusive lock until released.
export async function lock(file) {
  const shell = spawn('sqlite3', [file], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ready = new Promise((done) => shell.stdout.once('data', done));
  shell.stdin.write('.timeout 5000\nbegin exclusive;\nselect 1;\n');
  await ready;
  return {
    release: () =>
      new Promise((done) => {
        shell.on('close', done);
        shell.stdin.end('commit;\n');
      }),
  };
}
