import * as z from 'zod';
import { backendShape } from './backends.js';
import { choice, text } from './option.js';
import { policyShape, tierShape, upkeepShape } from './policy.js';

export const PROFILE_NAMES = ['development', 'staging', 'production', 'paranoia'] as const;
export type ProfileName = (typeof PROFILE_NAMES)[number];

/** All options. What one of them demands of another stands in `demands.ts`. */
export const configSchema = z.strictObject({
  profile: choice('A set of other defaults.', PROFILE_NAMES),
  namespace: text('Keeps this service’s keys apart from others’ in the same L2. Required.'),
  ...policyShape,
  ...tierShape,
  ...backendShape,
  ...upkeepShape,
});

/** Options as they are written in code and files. */
export type TierwiseConfig = z.input<typeof configSchema>;
