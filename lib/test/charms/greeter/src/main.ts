import { main } from "@cantrip/lib";
import { GreeterCharm } from "./charm.ts";

await main(GreeterCharm);
