// Bytes over a bare socket, for what no HTTP client would send.
import net from 'node:net';

/** Opens a socket to the server; resolves when it is connected. */
export function dial(url) {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port: Number(port), host: hostname, allowHalfOpen: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      socket.on('error', () => {}); // a reset is one of the lawful ends; 'close' follows it
      resolve(socket);
    });
  });
}

/**
 * Sends the pieces one after another and gathers what comes back until the server hangs up, or until `silenceMs` pass
 * without a byte.  `end`: shut our half after the last piece.
 * @returns {Promise<{text: string, statuses: number[], closed: boolean}>}  closed: the server ended the connection
 */
export async function converse(url, pieces, { silenceMs = 2000, pauseMs = 0, end = false } = {}) {
  const socket = await dial(url);
  const chunks = [];
  const over = new Promise((resolve) => {
    let timer = setTimeout(resolve, silenceMs, false);
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      clearTimeout(timer);
      timer = setTimeout(resolve, silenceMs, false);
    });
    const ended = () => {
      clearTimeout(timer);
      resolve(true);
    };
    socket.on('end', ended);
    socket.on('close', ended);
  });
  for (const piece of Array.isArray(pieces) ? pieces : [pieces]) {
    if (socket.destroyed) break;
    socket.write(piece);
    if (pauseMs) await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  if (end) socket.end();
  const closed = await over;
  socket.destroy();
  const text = Buffer.concat(chunks).toString('latin1');
  // A status line stands at the start or after a line end; bodies here hold no such text.
  const statuses = [...text.matchAll(/HTTP\/1\.[01] (\d{3}) /g)].map((m) => Number(m[1]));
  return { text, statuses, closed };
}
