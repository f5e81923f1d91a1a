// @ts-check
import { roomOfPage } from './app/room-names.js';
import { Page } from './app/page.js';
import { translate } from './view/dom.js';
import { offerLanguages } from './view/language.js';
import { showLanding } from './view/landing.js';

translate();
offerLanguages();
const room = roomOfPage();
if (room === null) showLanding();
else void new Page(room).start();
