/** Keep-alive: python-libjuju starts it unconditionally. */
import { defineFacade } from "../facade.ts";

export const pinger = defineFacade({
  name: "Pinger",
  versions: [1],
  for: "any",
  methods: { Ping: () => ({}), Stop: () => ({}) },
});
