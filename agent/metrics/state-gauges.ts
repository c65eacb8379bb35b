import { Counter, Gauge, type Registry } from "prom-client";

/** Metrics whose values are read when somebody asks. */
export interface StateGauges {
  gauge(name: string, help: string, read: () => number): void;
  /** One sample for each key of what `read` gives. */
  gaugeBy(label: string, name: string, help: string, read: () => Readonly<Record<string, number>>): void;
  /** Of what is counted elsewhere. */
  counter(name: string, help: string, read: () => number): void;
}

export function createStateGauges(register: Registry): StateGauges {
  const registers = [register];
  return {
    gauge(name, help, read) {
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(read());
        },
      });
    },
    gaugeBy(label, name, help, read) {
      new Gauge({
        name,
        help,
        labelNames: [label],
        registers,
        collect() {
          for (const [key, value] of Object.entries(read())) this.set({ [label]: key }, value);
        },
      });
    },
    counter(name, help, read) {
      new Counter({
        name,
        help,
        registers,
        collect() {
          this.reset();
          this.inc(read());
        },
      });
    },
  };
}
