// @ts-check
import { roomOfPage } from './rooms.js';
import { Session } from './session.js';
import { translate } from './view/dom.js';
import { showLanding } from './view/landing.js';

translate();
const room = roomOfPage();
if (room === null) showLanding();
else void new Session(room).start();
