// Read the buffers of a decoded Arrow stream and give every value its JSON form (docs/formats/json-values.md), so that
// a result can be asked for as JSON and as Arrow and the two compared.  The official client parses the messages; the
// values are read from its buffers, because its accessors round (timestamps to milliseconds, for one).

// Rows of a Table, each an array of JSON forms.
export function arrowRows(table) {
  return table.batches.flatMap((batch) =>
    Array.from({ length: batch.numRows }, (_, row) =>
      batch.data.children.map((column, i) => jsonForm(column, row, batch.schema.fields[i].metadata.get('sql_type')))));
}

const kind = (type) => String(type).replace(/[^A-Za-z0-9].*/, '');

// One value of a `Data`: a column of one batch, or a child of one.
export function jsonForm(data, row, sqlType) {
  const { type } = data;
  if (kind(type) !== 'Union' && !data.getValid(row)) return null; // a union has no validity of its own
  switch (kind(type)) {
    case 'Null': return null;
    case 'Bool': return Boolean(data.values[row >> 3] >> (row & 7) & 1);
    case 'Int8': case 'Int16': case 'Int32': case 'Uint8': case 'Uint16': case 'Uint32': return data.values[row];
    case 'Int64': case 'Uint64': return exactOrDigits(data.values[row]);
    case 'Float32': return floatForm(shortestFloat(data.values[row]));
    case 'Float64': return floatForm(data.values[row]);
    case 'Decimal': return decimalForm(int128(data.values, row), type, sqlType);
    case 'Utf8': return new TextDecoder().decode(bytesAt(data, row));
    case 'Binary': return Buffer.from(bytesAt(data, row)).toString('base64');
    case 'FixedSizeBinary': return uuidForm(data.values.subarray(row * 16, row * 16 + 16));
    case 'Date32': return dateForm(data.values[row]);
    case 'Time64': return clock(data.values[row], digitsOf(type));
    case 'Timestamp': return timestampForm(data.values[row], digitsOf(type), type.timezone);
    case 'Interval': return intervalForm(data.values, row);
    case 'Dictionary': return data.dictionary.get(data.values[row]);
    case 'List': case 'Map': return elements(data, data.valueOffsets[row], data.valueOffsets[row + 1]);
    case 'FixedSizeList': return elements(data, row * type.listSize, (row + 1) * type.listSize);
    case 'Struct': return structForm(data, row, sqlType);
    case 'Union': return unionForm(data, row);
    default: throw new Error(`no JSON form for Arrow's ${type}`);
  }
}

const elements = (data, from, to) => Array.from({ length: to - from }, (_, i) => jsonForm(data.children[0], from + i));
const bytesAt = (data, row) => data.values.subarray(data.valueOffsets[row], data.valueOffsets[row + 1]);
const exactOrDigits = (n) => (n >= -9007199254740991n && n <= 9007199254740991n ? Number(n) : String(n));

function floatForm(v) {
  return Number.isFinite(v) ? v : String(v);
}

function shortestFloat(v) {
  for (let digits = 1; digits < 10; digits++) {
    const text = Number(v.toPrecision(digits));
    if (Math.fround(text) === v) return text;
  }
  return v;
}

function int128(words, row) {
  const word = (i) => BigInt(words[row * 4 + i] >>> 0) << BigInt(32 * i);
  return BigInt.asIntN(128, word(0) | word(1) | word(2) | word(3));
}

function decimalForm(unscaled, type, sqlType) {
  if (sqlType === undefined ? type.precision === 38 && type.scale === 0 : sqlType.includes('HUGEINT')) {
    return exactOrDigits(unscaled);
  }
  if (type.scale === 0) return String(unscaled);
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(type.scale + 1, '0');
  return `${unscaled < 0n ? '-' : ''}${digits.slice(0, -type.scale)}.${digits.slice(-type.scale)}`;
}

function uuidForm(bytes) {
  return Buffer.from(bytes).toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

const digitsOf = (type) => type.unit * 3;

// What JavaScript's Date reaches: 100 million days around the epoch.
const dayText = (days) => new Date(days * 864e5).toISOString().replace(/T.*/, '');

function dateForm(days) {
  if (days === 2147483647) return 'infinity';
  return days === -2147483647 ? '-infinity' : dayText(days);
}

function clock(units, digits) {
  const perSecond = 10n ** BigInt(digits);
  const seconds = units / perSecond;
  const two = (n) => String(n).padStart(2, '0');
  const fraction = digits ? `.${String(units % perSecond).padStart(digits, '0')}` : '';
  return `${two(seconds / 3600n)}:${two(seconds / 60n % 60n)}:${two(seconds % 60n)}${fraction}`;
}

function timestampForm(units, digits, zone) {
  if (units === 9223372036854775807n) return 'infinity';
  if (units === -9223372036854775807n) return '-infinity';
  const perDay = 86400n * 10n ** BigInt(digits);
  const inDay = (units % perDay + perDay) % perDay;
  return `${dayText(Number((units - inDay) / perDay))}T${clock(inDay, digits)}${zone ? 'Z' : ''}`;
}

function intervalForm(words, row) {
  const [months, days] = words.subarray(row * 4, row * 4 + 2);
  const nanos = BigInt.asIntN(64, BigInt(words[row * 4 + 2] >>> 0) | BigInt(words[row * 4 + 3]) << 32n);
  const parts = [[Math.trunc(months / 12), 'year'], [months % 12, 'month'], [days, 'day']]
    .filter(([n]) => n !== 0)
    .map(([n, unit]) => `${n} ${unit}${Math.abs(n) === 1 ? '' : 's'}`);
  const micros = (nanos < 0n ? -nanos : nanos) / 1000n;
  if (micros !== 0n || parts.length === 0) {
    parts.push((nanos < 0n ? '-' : '') + clock(micros, 6).replace(/(\.\d*[1-9])0*$|\.0+$/, '$1'));
  }
  return parts.join(' ');
}

function structForm(data, row, sqlType) {
  const values = data.children.map((child) => jsonForm(child, row));
  if (/^STRUCT\((?!("[^"]*"|\w+) )/.test(sqlType ?? '')) return values;
  return Object.fromEntries(data.type.children.map((field, i) => [field.name, values[i]]));
}

function unionForm(data, row) {
  const member = data.type.typeIds.indexOf(data.typeIds[row]);
  const value = jsonForm(data.children[member], row);
  return value === null && member === 0 ? null : { [data.type.children[member].name]: value };
}
