/** What each side of an `rsync-share` relation writes into its databags. */
import { integer, oneOf, text } from "@cantrip/lib";

export const provider = {
  unit: { address: text(), port: integer({ least: 1, most: 65_535 }), module: text() },
};

export const requirer = {
  app: { access: oneOf("read", "write") },
};
