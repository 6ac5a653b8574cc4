/** The modification time of every archive entry, and `SOURCE_DATE_EPOCH` for compilers: 2023-11-14, in seconds since 1970. */
export const SOURCE_DATE_EPOCH = 1_700_000_000;
