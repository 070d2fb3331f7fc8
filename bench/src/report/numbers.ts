/** Three digits that mean something, with thousands apart: 1,230,000; 0.0123. */
export function figure(value: number): string {
  if (value === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  const rounded = Number(value.toPrecision(3));
  return rounded.toLocaleString('en', { minimumFractionDigits: Math.min(digits, 6), maximumFractionDigits: 6 });
}

export function percent(part: number): string {
  return `${Math.round(part * 100)} %`;
}
