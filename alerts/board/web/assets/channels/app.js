// The page of channels: all of them, or the messages of one, as the address says.

import { root } from '../../client.js';
import { showChannels } from './channels.js';
import { showMessages } from './viewer.js';

const path = location.pathname.slice(new URL(root).pathname.length);
const channel = decode(path.replace(/^channels\/?/, ''));

if (channel === '') showChannels(root);
else showMessages(root, channel);

/** decode reads the path of a channel; one that makes no sense is taken as it is. */
function decode(text) {
  try {
    return text.split('/').map(decodeURIComponent).filter((e) => e !== '').join('/');
  } catch {
    return text;
  }
}
