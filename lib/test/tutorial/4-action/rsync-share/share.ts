/** Where an application finds its files. */
export interface Share {
  readonly address: string;
  readonly port: number;
  /** The name of the rsync module. */
  readonly module: string;
}
