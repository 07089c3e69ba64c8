import { Charm, type Framework, type Outcome, type Track, done, reconcile } from "@cantrip/lib";
import { type Machine, thisMachine } from "../../machine/machine.ts";
import { ShareRequirer } from "../../rsync-share/index.ts";

const schedule = "/etc/cron.d/backup";
const passwordFile = "/etc/backup.password";

const tracks: readonly Track<BackupCharm>[] = [
  {
    name: "backup",
    steps: [
      { name: "ask for a share", run: (charm) => charm.ask() },
      { name: "await the share", run: (charm) => charm.share.available() },
      { name: "schedule the copy", run: (charm) => charm.schedule() },
    ],
  },
];

export class BackupCharm extends Charm<{ config: { directory: string } }> {
  readonly share = new ShareRequirer(this, "share");
  readonly #machine: Machine;

  constructor(framework: Framework, machine: Machine = thisMachine) {
    super(framework);
    this.#machine = machine;
    const converge = () => this.#converge();
    framework.observe(this.on.install, converge);
    framework.observe(this.on.configChanged, converge);
    framework.observe(this.on.leaderElected, converge);
    framework.observe(this.on.relation("share").created, converge);
    framework.observe(this.share.on.ready, converge);
    framework.observe(this.share.on.gone, () => this.#unschedule());
  }

  async ask(): Promise<Outcome> {
    await this.share.request("write");
    return done;
  }

  async schedule(): Promise<Outcome> {
    const share = await this.share.share();
    const { directory } = await this.model.config();
    if (share === undefined) return done;
    const own = this.model.unit.name.replace("/", "-");
    const target = `rsync://${share.module}@${share.address}:${share.port}/${share.module}/${own}/`;
    const command = `rsync -a --password-file=${passwordFile} ${directory}/ ${target}`;
    await this.#machine.write(passwordFile, `${share.password}\n`, 0o600);
    await this.#machine.write(schedule, `17 3 * * * root ${command}\n`);
    return done;
  }

  async #unschedule(): Promise<void> {
    await this.#machine.remove(schedule);
    await this.#machine.remove(passwordFile);
    await this.#converge();
  }

  async #converge(): Promise<void> {
    const { status } = await reconcile(tracks, this);
    await this.model.unit.setStatus(status);
  }
}
