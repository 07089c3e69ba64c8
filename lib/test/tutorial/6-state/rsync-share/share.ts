/** Where an application finds its files. */
export interface Place {
  readonly address: string;
  readonly port: number;
  /** The name of the rsync module, and of its user. */
  readonly module: string;
}

export interface Share extends Place {
  readonly password: string;
}
