// Drives two Firefoxes through a meeting by WebDriver BiDi, and prints what was seen as one line of JSON.
// node firefox.mjs FIREFOX URL SCREENSHOT, in a folder from which puppeteer-core can be resolved.
import { createRequire } from 'node:module';
import { join } from 'node:path';

const puppeteer = createRequire(join(process.cwd(), 'index.js'))('puppeteer-core');
const [executablePath, url, screenshot] = process.argv.slice(2);
const browser = await puppeteer.launch({
  browser: 'firefox',
  executablePath,
  headless: true,
  protocol: 'webDriverBiDi',
  extraPrefsFirefox: {
    'app.update.enabled': false,
    'datareporting.policy.dataSubmissionEnabled': false,
    'intl.accept_languages': 'en-US',
    'media.autoplay.blocking_policy': 0,
    'media.autoplay.default': 0,
    'media.gmp-manager.updateEnabled': false,
    'media.navigator.permission.disabled': true,
    'media.navigator.streams.fake': true,
    'media.peerconnection.ice.loopback': true,
    'media.peerconnection.ice.obfuscate_host_addresses': false,
    'network.captive-portal-service.enabled': false,
    'network.connectivity-service.enabled': false,
  },
});
const seen = { errors: [] };

async function visit(name) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  page.on('pageerror', (error) => seen.errors.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && seen.errors.push(message.text()));
  await page.setViewport({ width: 1024, height: 720 });
  await page.goto(url);
  await page.waitForSelector('#stage[data-preview=live]');
  await page.type('#name', name);
  return page;
}

async function enter(page) {
  await page.click('#join');
  await page.waitForSelector('body[data-state=room]');
}

try {
  const ada = await visit('Ada');
  await enter(ada);
  const grace = await visit('Grace');
  const before = Date.now();
  await enter(grace);
  const other = 'article[data-participant]:not([data-self])[data-playing]';
  await grace.waitForSelector(other);
  seen.first = Date.now() - before;
  await ada.waitForSelector(other);
  seen.names = await Promise.all([ada, grace].map((page) => page.$eval(other, (tile) => tile.getAttribute('aria-label'))));
  await grace.keyboard.press('c');
  await grace.type('#chat-text', 'Hello from Firefox https://example.org');
  await grace.keyboard.press('Enter');
  await ada.waitForSelector('[data-action=chat][data-count="1"]');
  await ada.keyboard.press('c');
  await ada.waitForSelector('.chat-text a[rel~=noopener]');
  seen.chat = await ada.$eval('.chat-text', (entry) => entry.textContent);
  await ada.keyboard.press('Escape');
  await ada.keyboard.press('h');
  await grace.waitForSelector('article:not([data-self]) .tile-hand:not([hidden])');
  await ada.keyboard.press('b');
  await ada.waitForSelector('label[data-background=fjord]');
  await ada.$eval('label[data-background=fjord]', (choice) => choice.click());
  await ada.waitForSelector('label[data-background=fjord]:not([data-busy]) input:checked');
  await ada.screenshot({ path: screenshot });
  await ada.click('[data-action=leave]');
  await ada.waitForSelector('body[data-state=left]');
  await grace.waitForFunction(() => document.querySelectorAll('article.tile').length === 1);
  seen.left = true;
} finally {
  console.log(JSON.stringify(seen));
  await browser.close();
}
