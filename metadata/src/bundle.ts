/** Bundles: several applications, their machines and integrations in one file. The first document is the base, others are overlays. */
import { shaped } from "./charm/shape.ts";
import { Findings, MetadataError } from "./errors.ts";
import type { Application, BundleFile } from "./generated/bundle.ts";
import { validate } from "./generated/bundle.validator.js";
import { isApplicationName, isMachineId } from "./names.ts";
import { nearMiss } from "./near-miss.ts";
import { located } from "./places.ts";
import { readYaml, readYamlDocuments } from "./yaml.ts";

export type {
  Application as BundleApplication,
  BundleFile,
  Machine as BundleMachine,
} from "./generated/bundle.ts";

const file = "bundle.yaml";
type Refuse = (path: readonly string[], reason: string) => never;

/** A bundle's file: the base first, then the overlays in the order in which they apply. */
export interface Bundle {
  readonly base: BundleFile;
  readonly overlays: readonly BundleFile[];
}

/**
 * A whole bundle file from its YAML text, one document or several.
 * @throws MetadataError with all problems of the first document that has some
 */
export function parseBundleFile(text: string): Bundle {
  const [first, ...others] = readYamlDocuments(file, text);
  const base = located(text, () => bundleOf(first));
  const overlays = others.map((raw, index) => located(text, () => overlayOf(raw), index + 1));
  return { base, overlays };
}

/**
 * The base of a bundle from its YAML text, one document.
 * @throws MetadataError with all problems
 */
export function parseBundle(text: string): BundleFile {
  return located(text, () => bundleOf(readYaml(file, text)));
}

/**
 * An overlay from its YAML text, one document: it may name what only the base has.
 * @throws MetadataError with all problems
 */
export function parseOverlay(text: string): BundleFile {
  return located(text, () => overlayOf(readYaml(file, text)));
}

/**
 * @param raw the value of a base document, or of one with its overlays merged in
 * @throws MetadataError
 */
export function bundleOf(raw: unknown): BundleFile {
  const bundle = shaped(file, raw, validate);
  const findings = new Findings(file);
  checkAlone(bundle, findings);
  const applications = Object.entries(bundle.applications ?? {});
  findings.of(() => {
    if (applications.length === 0) refuse(["applications"], "a bundle has at least one application");
  });
  findings.each(applications, ([name, application]) => checkComplete(name, application));
  checkReferences(bundle, findings);
  findings.settle();
  return bundle;
}

/**
 * @param raw the value of an overlay document
 * @throws MetadataError
 */
export function overlayOf(raw: unknown): BundleFile {
  const overlay = shaped(file, raw, validate);
  const findings = new Findings(file);
  checkAlone(overlay, findings);
  findings.settle();
  return overlay;
}

/** The integrations of a document, under either of their keys. */
export const integrationsOf = ({ relations, integrations }: BundleFile): readonly [string, string][] =>
  integrations ?? relations ?? [];

const refuse: Refuse = (path, reason) => {
  throw new MetadataError(file, reason, { key: path.join("."), path });
};

/** What needs no other document to be told. */
function checkAlone(bundle: BundleFile, findings: Findings): void {
  findings.of(() => {
    if (bundle.relations && bundle.integrations)
      refuse(["integrations"], 'the same as "relations": keep one of them');
  });
  const names = Object.keys(bundle.applications ?? {});
  findings.each(names, (name) => {
    if (!isApplicationName(name)) refuse(["applications", name], "no application name");
  });
  findings.each(Object.keys(bundle.machines ?? {}), (id) => {
    if (!isMachineId(id) || id.includes("/")) refuse(["machines", id], "expected the number of a machine");
  });
}

function checkComplete(name: string, application: Application | null): void {
  if (application === null) return refuse(["applications", name], "only an overlay removes applications");
  if (application.charm === undefined) refuse(["applications", name, "charm"], "missing");
  if (application.num_units !== undefined && application.scale !== undefined)
    refuse(["applications", name, "scale"], 'the same as "num_units": keep one of them');
  const { to = [], num_units: units = application.scale ?? 1 } = application;
  if (to.length > Math.max(units, 0))
    refuse(["applications", name, "to"], `${to.length} places for ${units} units`);
}

function checkReferences(bundle: BundleFile, findings: Findings): void {
  const known = Object.keys(bundle.applications ?? {});
  const saas = Object.keys(bundle.saas ?? {});
  const section = bundle.integrations ? "integrations" : "relations";
  const ends = integrationsOf(bundle).flatMap((pair, index) =>
    pair.map((end, side) => ({
      name: end.split(":")[0] ?? "",
      path: [section, String(index), String(side)],
    })),
  );
  findings.each(ends, ({ name, path }) => expectKnown(path, name, [...known, ...saas]));
  const used = new Set<string>();
  for (const [name, application] of Object.entries(bundle.applications ?? {}))
    findings.each([...(application?.to ?? []).entries()], ([index, place]) =>
      checkPlace(["applications", name, "to", String(index)], String(place), { bundle, known, used }),
    );
  findings.each(Object.keys(bundle.machines ?? {}), (id) => {
    if (!used.has(id)) refuse(["machines", id], "no application is placed on it");
  });
}

function expectKnown(path: readonly string[], name: string, known: readonly string[]): void {
  if (known.includes(name)) return;
  const meant = nearMiss(name, known);
  refuse(
    path,
    `no application "${name}" in the bundle${meant === undefined ? "" : `: did you mean "${meant}"?`}`,
  );
}

interface Places {
  readonly bundle: BundleFile;
  readonly known: readonly string[];
  readonly used: Set<string>;
}

/** `0`, `app`, `app/1`, `new`, and each of them in a container: `lxd:0`. */
function checkPlace(path: readonly string[], place: string, { bundle, known, used }: Places): void {
  const [, target = ""] = /^(?:[a-z]+:)?(.*)$/.exec(place) ?? [];
  if (target === "new") return;
  if (!/^\d+$/.test(target)) return expectKnown(path, target.replace(/\/\d+$/, ""), known);
  used.add(target);
  if (!Object.hasOwn(bundle.machines ?? {}, target)) refuse(path, `no machine "${target}" in the bundle`);
}
