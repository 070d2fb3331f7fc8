/**
 * What is cached: plain objects as a service has them, of about 100 bytes, 1 KB and 10 KB when encoded. That of 1 KB stays below the 1,024 bytes
 * from which on Tierwise compresses; that of 10 KB does not.
 */
export type Size = '100 B' | '1 KB' | '10 KB';

/** A new object each time, so that no two contestants or entries share one. */
export function sample(size: Size): unknown {
  if (size === '100 B')
    return {
      id: 4_711,
      name: 'Ada Lovelace',
      isActive: true,
      score: 0.875,
      plan: 'team',
      since: 1843,
      city: 'London',
      role: 'author',
    };
  return user(size === '1 KB' ? 4 : 52);
}

function user(orders: number): object {
  return {
    id: 4_711,
    name: 'Ada Lovelace',
    email: 'ada@example.org',
    isActive: true,
    score: 0.875,
    createdAt: '2026-11-20T18:42:07.123Z',
    address: { street: '12 St James’s Square', city: 'London', postcode: 'SW1Y 4LB', country: 'GB' },
    roles: ['reader', 'author', 'editor'],
    settings: { theme: 'dark', language: 'en', pageSize: 50, emails: { weekly: true, offers: false } },
    orders: Array.from({ length: orders }, (_, index) => ({
      id: `order-${10_000 + index}`,
      total: 129.9 + index,
      currency: 'EUR',
      state: index % 2 === 0 ? 'delivered' : 'under way',
      items: [`analytical engine, part ${index}`, 'punched cards', 'a pair of brass gears'],
      note: 'Please ring twice; the porter takes parcels.',
    })),
  };
}
