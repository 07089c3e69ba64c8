/** Cloud: there is one, this host; it needs no credentials. */
import { ApiError, defineFacade, type FacadeMethod } from "../facade.ts";
import { entityTags, items } from "./params.ts";
import { eachResult, idIn } from "./values.ts";

const local = { type: "manual", "auth-types": ["empty"], endpoint: "", regions: [{ name: "default" }] };

const Cloud: FacadeMethod = async (_connection, params) => ({
  results: await eachResult(entityTags(params), (tag) => {
    const name = idIn(tag, "cloud");
    if (name !== "local") throw new ApiError("not found", `cloud "${name}" not found`);
    return { cloud: local };
  }),
});

defineFacade({
  name: "Cloud",
  versions: [7],
  methods: {
    Clouds: () => ({ clouds: { "cloud-local": local } }),
    Cloud,
    UserCredentials: (_connection, params) => ({
      results: items(params, "user-clouds").map(() => ({ result: [] })),
    }),
  },
});
