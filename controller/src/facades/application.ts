/** Application: its methods are grouped by subject in the folder of the same name. */
import { defineFacade } from "../facade.ts";
import { CharmConfig, Get, SetConfigs, UnsetApplicationsConfig } from "./application/config.ts";
import { Deploy, GetCharmURLOrigin, SetCharm } from "./application/deploy.ts";
import { ApplicationsInfo, UnitsInfo } from "./application/info.ts";
import { AddRelation, DestroyRelation } from "./application/relations.ts";
import {
  AddUnits,
  DestroyApplication,
  DestroyUnit,
  Expose,
  GetConstraints,
  Leader,
  ResolveUnitErrors,
  SetConstraints,
  Unexpose,
} from "./application/units.ts";

defineFacade({
  name: "Application",
  versions: [19],
  on: "model",
  methods: {
    AddRelation,
    AddUnits,
    ApplicationsInfo,
    CharmConfig,
    Deploy,
    DestroyApplication,
    DestroyRelation,
    DestroyUnit,
    Expose,
    Get,
    GetCharmURLOrigin,
    GetConstraints,
    Leader,
    ResolveUnitErrors,
    SetCharm,
    SetConfigs,
    SetConstraints,
    Unexpose,
    UnitsInfo,
    UnsetApplicationsConfig,
  },
});
