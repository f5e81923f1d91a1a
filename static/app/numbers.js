// @ts-check
/** @import {RoomClient} from './room-client.js' */
/** @import {FilterReportView} from '../view/filter-report.js' */
/** @import {Panel} from '../view/panel.js' */

/** How often the numbers of an open panel are made new, in ms. */
const STATS_INTERVAL = 1000;
/** How often the server is asked about everybody's cameras while their numbers are seen, in ms: as often as it tells of one's own. */
const TOTALS_INTERVAL = 2000;

/** The numbers of connections and filter, made new for as long as they are seen. */
export class Numbers {
  #panel;
  #filterReport;
  /** @type {RoomClient | null} */
  #client = null;
  /** @type {number[]} */
  #timers = [];

  /**
   * @param {Panel} panel
   * @param {FilterReportView} filterReport
   */
  constructor(panel, filterReport) {
    this.#panel = panel;
    this.#filterReport = filterReport;
    filterReport.onOpen = () => this.#askTotals();
  }

  /** @param {RoomClient} client */
  start(client) {
    this.stop();
    this.#client = client;
    this.#timers = [
      window.setInterval(() => void this.show(), STATS_INTERVAL),
      window.setInterval(() => this.#askTotals(), TOTALS_INTERVAL),
    ];
  }

  stop() {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
    this.#client = null;
  }

  /** Fills the panel, if it is open. */
  async show() {
    if (this.#panel.current !== 'stats' || !this.#client) return;
    const { state } = this.#client;
    const { showStats } = await import('../view/stats-panel.js');
    showStats(this.#panel.place('stats'), await this.#client.stats(), { nameOf: (id) => state.nameOf(id), self: state.self, filter: this.#filterReport.report });
  }

  #askTotals() {
    if (this.#filterReport.isOpen) this.#client?.send({ type: 'totals' });
  }
}
