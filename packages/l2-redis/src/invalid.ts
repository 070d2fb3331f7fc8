import { L2InvalidError } from '@tierwise/l2';
import { NAME } from './name.js';

/** What options and calls that make no sense are refused with. */
export function invalid(message: string): L2InvalidError {
  return new L2InvalidError(NAME, message);
}
