import { main } from "@cantrip/lib";
import { ShareCharm } from "./charm.ts";

await main(ShareCharm);
