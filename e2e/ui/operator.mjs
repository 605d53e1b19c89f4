// An operator in Temporal's web UI: finds a parked run by its search attribute, reads what is wrong, waits until that is
// mended, and retries the run with the UI's own dialog.
//
// Says each thing that was read as a line of JSON on stdout. Reads one line from stdin: the cause is mended, go on.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const { values: options } = parseArgs({
  options: {
    ui: { type: 'string' }, // http://host:port
    workflow: { type: 'string' }, // its id
    chromium: { type: 'string' }, // the program
    profile: { type: 'string' }, // a folder of this browser's own
    screenshots: { type: 'string' }, // a folder
  },
});

// Machines that run tests are slow at times; each wait ends as soon as its condition holds.
const patience = 120_000;

function say(what, read) {
  process.stdout.write(JSON.stringify({ what, read }) + '\n');
}

// until asks again, with a fresh page each time, until the page has what it returns. Each page gets longer than the last:
// a machine that takes ten seconds to draw one would never show any.
async function until(what, page, address, locate) {
  const deadline = Date.now() + patience;
  for (let wait = 5_000; ; wait *= 2) {
    await page.goto(address, { waitUntil: 'domcontentloaded', timeout: patience });
    const found = locate().first();
    try {
      await found.waitFor({ timeout: wait });
      return found;
    } catch (error) {
      if (Date.now() > deadline) {
        throw new Error(`the UI does not show ${what}`, { cause: error });
      }
    }
  }
}

async function find(page) {
  const query = encodeURIComponent('ConsignState="parked"');
  const address = `${options.ui}/namespaces/default/workflows?query=${query}`;
  const link = await until('the parked run in the list', page, address, () =>
    page.getByRole('link', { name: options.workflow, exact: true }));
  await look(page, '1-list');
  await link.click();
  await page.getByRole('tab', { name: 'User Metadata' }).waitFor();
}

async function tab(page, name) {
  await page.getByRole('tab', { name }).click();
  await page.getByRole('tab', { name, selected: true }).waitFor();
}

// events reads the history, whose rows have the steps' summaries; the timeline draws the same on a canvas.
async function events(page, newest, picture) {
  await tab(page, 'Timeline');
  await look(page, `${picture}-timeline`);
  await tab(page, 'Event History');
  await page.getByText(newest).first().waitFor();
  await look(page, picture);
  const texts = [await page.locator('main').last().innerText()];
  for (const frame of await page.locator('iframe').all()) { // each summary is Markdown in a frame of its own
    const summary = frame.contentFrame().locator('body');
    await summary.getByText(/./).first().waitFor();
    texts.push(await summary.innerText());
  }
  return texts.join('\n');
}

async function attributes(page, picture) {
  await tab(page, 'Search Attributes');
  await page.getByText('ConsignState').first().waitFor();
  await look(page, picture);
  return page.locator('main').last().innerText();
}

// details is where the UI renders the current details: a frame of their own, after the summary's.
function details(page) {
  return page.locator('iframe').last().contentFrame().locator('body');
}

async function read(page, text, picture) {
  await tab(page, 'User Metadata');
  await details(page).getByText(text).first().waitFor();
  await look(page, picture);
  return details(page).innerText();
}

async function retry(page) {
  await page.getByRole('button', { name: 'More Actions' }).filter({ visible: true }).click();
  await page.getByRole('menuitem', { name: 'Send a Signal' }).click();
  const dialog = page.getByRole('dialog', { name: 'Send a Signal' });
  await dialog.getByRole('button', { name: 'Select a signal' }).click();
  const choice = page.getByRole('option', { name: /^retry/ });
  say('retry', await choice.innerText());
  await look(page, '5-signals');
  await choice.click();
  await look(page, '6-retry');
  await dialog.getByRole('button', { name: 'Submit' }).click();
  await dialog.waitFor({ state: 'hidden' });
}

async function look(page, name) {
  await page.screenshot({ path: join(options.screenshots, `${name}.png`), fullPage: true });
}

async function operate(page, mended) {
  await find(page);
  say('events', await events(page, 'Timer Started', '2-events'));
  say('attributes', await attributes(page, '3-attributes'));
  say('details', await read(page, /^Parked: /, '4-details'));
  await mended();
  await retry(page);
  // The UI asks for the details only when the page is opened.
  await until('that the run is completed', page, page.url(), () => details(page).getByText(/: completed$/));
  say('completed', await read(page, /: completed$/, '7-completed'));
  say('delivered', await events(page, 'Workflow Execution Completed', '8-events'));
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
await mkdir(options.screenshots, { recursive: true });
const browser = await chromium.launchPersistentContext(options.profile, {
  executablePath: options.chromium,
  viewport: { width: 1400, height: 1000 },
  // Root has no sandbox; the rest keeps the browser from talking to anybody but the UI.
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(patience);
  try {
    await operate(page, () => lines.next());
  } catch (error) {
    await look(page, 'failed');
    throw error;
  }
} finally {
  await browser.close();
  process.stdin.destroy();
}
