// @alicloud/openapi-core, on which every current client stands, with its default
// signature ACS3-HMAC-SHA256: each operation of VOD with its parameters in the query, in
// a form and as JSON. BASE holds an ordinary call of each.
import core from '@alicloud/openapi-core';
import { assert, env, row, refused } from './row.mjs';

const { default: Client, $OpenApiUtil } = core;
const client = (secret) => new Client(new $OpenApiUtil.Config({
  accessKeyId: env.ALIBABA_CLOUD_ACCESS_KEY_ID, accessKeySecret: secret, endpoint: env.VOD_ENDPOINT.replace('http://', ''), protocol: 'http', regionId: 'cn-shanghai',
}));
const vod = client(env.ALIBABA_CLOUD_ACCESS_KEY_SECRET);
const call = (by, action, params, { method = 'POST', place = 'query', version = '2017-03-21' } = {}) => by.callApi(
  new $OpenApiUtil.Params({ action, version, protocol: 'HTTP', pathname: '/', method, authType: 'AK', style: 'RPC', reqBodyType: place === 'json' ? 'json' : 'formData', bodyType: 'json' }),
  new $OpenApiUtil.OpenApiRequest(place === 'query' ? { query: params } : { body: params }), { toMap: () => ({}) });

const deletes = ([name]) => Number(/^Delete/.test(name)); // these come last
const calls = Object.entries(JSON.parse(env.BASE)).sort((a, b) => deletes(a) - deletes(b));
for (const [operation, pairs] of calls) {
  const params = {};
  for (let i = 0; i < pairs.length; i += 2) params[pairs[i]] = pairs[i + 1];
  for (const place of /^Delete/.test(operation) ? ['query'] : ['query', 'form', 'json']) {
    await row(`${operation} ${place}`, async () => assert.match((await call(vod, operation, params, { place })).body.RequestId, /^[0-9A-F-]{36}$/));
  }
}
for (const place of ['query', 'form', 'json']) {
  await row(`letters of all kinds in ${place}`, async () => {
    const title = `a b+c*d~e'(f)!&=/%標題 ${place}`;
    await call(vod, 'UpdateVideoInfo', { VideoId: 'w', Title: title }, { place });
    assert.equal((await call(vod, 'GetVideoInfo', { VideoId: 'w' }, { method: 'GET' })).body.Video.Title, title);
  });
}
await row('STS GetCallerIdentity', async () => assert.ok((await call(vod, 'GetCallerIdentity', {}, { version: '2015-04-01' })).body.AccountId));
await refused('404 InvalidVideo.NotFound', { code: 'InvalidVideo.NotFound' }, () => call(vod, 'GetVideoInfo', { VideoId: 'none' }));
await refused('501 NotImplemented', { code: 'NotImplemented' }, () => call(vod, 'GetVideoInfo', { VideoId: 'w', ReferenceId: 'x' }));
await refused('400 SignatureDoesNotMatch', { code: 'SignatureDoesNotMatch' }, () => call(client('wrong'), 'GetVideoInfo', { VideoId: 'w' }));
