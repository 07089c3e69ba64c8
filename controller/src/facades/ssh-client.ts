/** SSHClient: where to reach a unit or a machine by SSH. */
import { ApiError, defineFacade, type Connection, type FacadeMethod } from "../facade.ts";
import { entityTags } from "./params.ts";
import { eachResult, idIn, machineIn, modelOf, parseTag, unitIn } from "./values.ts";

function addressesOf(connection: Connection, tag: string): readonly string[] {
  const model = modelOf(connection);
  const machine =
    parseTag(tag).kind === "machine" ? idIn(tag, "machine") : unitIn(model, idIn(tag, "unit")).machine;
  const { addresses } = machineIn(model, machine);
  if (addresses.length === 0) throw new ApiError("not found", `machine ${machine} has no address yet`);
  return addresses;
}

const oneAddress: FacadeMethod = async (connection, params) => ({
  results: await eachResult(entityTags(params), (tag) => ({
    address: addressesOf(connection, tag)[0] ?? "",
  })),
});

const AllAddresses: FacadeMethod = async (connection, params) => ({
  results: await eachResult(entityTags(params), (tag) => ({ addresses: addressesOf(connection, tag) })),
});

defineFacade({
  name: "SSHClient",
  versions: [4],
  on: "model",
  methods: {
    AllAddresses,
    PrivateAddress: oneAddress,
    PublicAddress: oneAddress,
    Proxy: () => ({ "use-proxy": false }),
    PublicKeys: (_connection, params) => ({ results: entityTags(params).map(() => ({ "public-keys": [] })) }),
  },
});
