/** The account of local APIs; it is the one of AWS's examples. */
export const LOCAL_ACCOUNT = '123456789012';

/** The id of local APIs. */
export const LOCAL_API = 'layersmith';
