import type { NumberRange } from './whole-number.js';

// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html

/** The memory of a function, in MiB. */
export const FUNCTION_MEMORY_MB: NumberRange = { least: 128, most: 10_240 };
/** The timeout of a function, in seconds. */
export const FUNCTION_TIMEOUT_SECONDS: NumberRange = { least: 1, most: 900 };
/** The maximum size of a function with all its layers, unzipped. */
export const MAX_UNZIPPED_BYTES = 250 * 1024 ** 2;
/** The maximum size of a zip that is uploaded directly. Larger zips are uploaded through S3. */
export const MAX_DIRECT_ZIP_BYTES = 50 * 1024 ** 2;
