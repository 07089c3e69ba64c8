/**
 * Juju's client facades, and one of our own (Insight). Importing this file registers them all; one file per facade.
 * They read a model's state and issue commands; they never touch the store, a machine or an agent.
 */
import "./action.ts";
import "./all-watcher.ts";
import "./annotations.ts";
import "./application.ts";
import "./charms.ts";
import "./client.ts";
import "./cloud.ts";
import "./controller.ts";
import "./insight.ts";
import "./key-manager.ts";
import "./machine-manager.ts";
import "./model-config.ts";
import "./model-manager.ts";
import "./resources.ts";
import "./secrets.ts";
import "./small.ts";
import "./ssh-client.ts";
import "./strings-watcher.ts";
