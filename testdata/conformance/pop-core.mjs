// @alicloud/pop-core: every operation of VOD that the local cloud has, by GET and by
// POST. BASE holds an ordinary call of each.
import core from '@alicloud/pop-core';
import { assert, env, row, refused } from './row.mjs';

const client = (secret) => new core.RPCClient({
  accessKeyId: env.ALIBABA_CLOUD_ACCESS_KEY_ID, accessKeySecret: secret, endpoint: env.VOD_ENDPOINT, apiVersion: '2017-03-21',
});
const vod = client(env.ALIBABA_CLOUD_ACCESS_KEY_SECRET);

const deletes = ([name]) => Number(/^Delete/.test(name)); // these come last
const calls = Object.entries(JSON.parse(env.BASE)).sort((a, b) => deletes(a) - deletes(b));
for (const [operation, pairs] of calls) {
  const params = {};
  for (let i = 0; i < pairs.length; i += 2) params[pairs[i]] = pairs[i + 1];
  for (const method of ['GET', 'POST']) {
    if (/^Delete/.test(operation) && method === 'GET') continue; // it is gone after the first
    await row(`${operation} ${method}`, async () => assert.match((await vod.request(operation, params, { method })).RequestId, /^[0-9A-F-]{36}$/));
  }
}
await row('letters of all kinds', async () => {
  const title = "a b+c*d~e'(f)!&=/標題";
  await vod.request('UpdateVideoInfo', { VideoId: 'w', Title: title }, { method: 'POST' });
  const { Video } = await vod.request('GetVideoInfo', { VideoId: 'w' });
  assert.equal(Video.Title, title);
});
await refused('404 InvalidVideo.NotFound', { code: 'InvalidVideo.NotFound' }, () => vod.request('GetVideoInfo', { VideoId: 'none' }));
await refused('400 SignatureDoesNotMatch', { code: 'SignatureDoesNotMatch' }, () => client('wrong').request('GetVideoInfo', { VideoId: 'w' }));
