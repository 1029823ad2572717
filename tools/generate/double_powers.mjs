// double_powers.mjs: prints src/engine/worker/double_powers.c, 10^k for every k that value_double.c needs, as 128-bit
// significands: the smallest integer g with its top bit (127) set and g * 2^e >= 10^k.  The exponent e follows from k.
//
//     node tools/generate/double_powers.mjs > src/engine/worker/double_powers.c
const first = -292;
const last = 324;

const bitLength = (n) => BigInt(n.toString(2).length);
const divideUp = (a, b) => (a + b - 1n) / b;

function significand(k) {
  const power = 10n ** BigInt(Math.abs(k));
  if (k >= 0) {
    const spare = 128n - bitLength(power);
    return spare >= 0n ? power << spare : divideUp(power, 1n << -spare);
  }
  const g = divideUp(1n << (bitLength(power) + 127n), power);
  return bitLength(g) === 128n ? g : divideUp(1n << (bitLength(power) + 126n), power);
}

const hex = (n) => `0x${n.toString(16).padStart(16, '0')}`;
const pair = (g) => `{${hex(g >> 64n)}, ${hex(g & ((1n << 64n) - 1n))}},`;

console.log('/* Printed by tools/generate/double_powers.mjs; see there and value_double.c. */');
console.log('#include "engine/worker/double_powers.h"\n');
console.log('const uint64_t double_powers[DOUBLE_POWER_LAST - DOUBLE_POWER_FIRST + 1][2] = {');
for (let k = first; k <= last; k += 2) {
  const row = k < last ? [k, k + 1] : [k];
  console.log(`    ${row.map((each) => pair(significand(each))).join(' ')} /* 1e${k} */`);
}
console.log('};');
