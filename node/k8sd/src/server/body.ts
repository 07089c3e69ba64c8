/** Schemas of bodies that only daemons exchange are written with the same words as the public ones. */
export { integer, list, map, object, text, type Infer, type Schema } from "@cantrip/metadata/k8sd";
