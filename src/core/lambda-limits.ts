// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html

/** The maximum size of a function with all its layers, unzipped. */
export const MAX_UNZIPPED_BYTES = 250 * 1024 ** 2;
/** The maximum size of a zip that is uploaded directly. Larger zips are uploaded through S3. */
export const MAX_DIRECT_ZIP_BYTES = 50 * 1024 ** 2;
