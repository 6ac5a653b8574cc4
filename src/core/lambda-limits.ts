// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html

/** A function with all its layers, unzipped. */
export const MAX_UNZIPPED_BYTES = 250 * 1024 ** 2;
/** A zip that is sent directly; a larger one goes through S3. */
export const MAX_DIRECT_ZIP_BYTES = 50 * 1024 ** 2;
