import {
  type ActionEvent,
  Charm,
  type Framework,
  type Track,
  blocked,
  done,
  reconcile,
  wait,
} from "@cantrip/lib";

const tracks: readonly Track<GreeterCharm>[] = [
  {
    name: "guests",
    steps: [
      {
        name: "know the greeting",
        run: async (c) => ((await c.greeting()) ? done : blocked('set the option "greeting"')),
      },
      { name: "tell guests", run: (c) => c.tellGuests() },
    ],
  },
];

/** What charmcraft.yaml declares, as far as it is used. */
interface Declared {
  readonly config: { readonly greeting?: string };
  readonly actions: { readonly greet: { readonly name: string } };
}

export class GreeterCharm extends Charm<Declared> {
  constructor(framework: Framework) {
    super(framework);
    const converge = () => this.#reconcile();
    framework.observe(this.on.install, converge);
    framework.observe(this.on.configChanged, converge);
    framework.observe(this.on.relation("guests").joined, converge);
    framework.observe(this.on.action("greet"), (event) => this.#greet(event));
  }

  async greeting(): Promise<string | undefined> {
    return (await this.model.config()).greeting;
  }

  async tellGuests() {
    const guests = await this.model.relations("guests");
    for (const guest of guests) await guest.set("unit", { greeting: (await this.greeting()) ?? "" });
    return guests.length === 0 ? wait("guests") : done;
  }

  async #reconcile(): Promise<void> {
    const { status } = await reconcile(tracks, this);
    this.log.debug(`converged: ${status.status}`);
    await this.model.unit.setStatus(status);
  }

  async #greet(event: ActionEvent<Declared["actions"]["greet"]>): Promise<void> {
    const greeting = await this.greeting();
    if (greeting === undefined) return event.fail('the option "greeting" is not set');
    await event.setResults({ said: `${greeting} ${event.params.name}` });
  }
}
