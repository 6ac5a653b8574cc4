/** The result of one check of `layersmith doctor`. */
export interface Finding {
  readonly name: string;
  readonly state: 'ok' | 'warning' | 'problem';
  readonly message: string;
  /** What to do. Set when the state is not ok. */
  readonly remedy?: string | undefined;
}
