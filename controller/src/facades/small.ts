/** Facades of which Juju's clients need one answer. */
import { defineFacade } from "../facade.ts";
import { entityTags } from "./params.ts";
import { eachResult, idIn, notFound, time } from "./values.ts";

defineFacade({
  name: "Spaces",
  versions: [6],
  on: "model",
  methods: { ListSpaces: () => ({ results: [{ id: "0", name: "alpha", subnets: [] }] }) },
});

defineFacade({ name: "Block", versions: [2], on: "model", methods: { List: () => ({ results: [] }) } });

/** There is one user. */
defineFacade({
  name: "UserManager",
  versions: [3],
  methods: {
    UserInfo: async ({ controller }, params) => {
      const tags = entityTags(params);
      const results = await eachResult(tags.length > 0 ? tags : ["user-admin"], (tag) => {
        const name = idIn(tag, "user");
        if (name !== "admin") notFound(`user "${name}"`);
        return {
          result: {
            username: "admin",
            "display-name": "admin",
            access: "superuser",
            "created-by": "admin",
            "date-created": time(controller.startedAt),
            "last-connection": null,
            disabled: false,
          },
        };
      });
      return { results };
    },
  },
});
