/** Seconds since 1970 of every entry that layersmith writes; also what compilers see. 2023-11-14. */
export const SOURCE_DATE_EPOCH = 1_700_000_000;
