import { main } from "@cantrip/lib";
import { TwinCharm } from "./charm.ts";

await main(TwinCharm);
