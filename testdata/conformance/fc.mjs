// @alicloud/fc20230330: the invocation call, in each way.
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import core from '@alicloud/openapi-core';
import fc from '@alicloud/fc20230330';
import { assert, env, row, refused } from './row.mjs';

const client = new fc.default(new core.$OpenApiUtil.Config({
  accessKeyId: env.ALIBABA_CLOUD_ACCESS_KEY_ID, accessKeySecret: env.ALIBABA_CLOUD_ACCESS_KEY_SECRET,
  endpoint: env.FUNCTIONS_ENDPOINT.replace('http://', ''), protocol: 'http', regionId: 'cn-shanghai',
}));
const runtime = {};
const invoke = (name, event, headers = {}) => client.invokeFunctionWithOptions(
  name, new fc.InvokeFunctionRequest({ body: Readable.from(Buffer.from(event)) }), new fc.InvokeFunctionHeaders(headers), { ...runtime, toMap: () => ({}) });

await row('invokeFunction', async () => {
  const answer = await invoke(env.ECHO, '{"Name":"you"}');
  assert.equal(answer.statusCode, 200);
  assert.ok(answer.headers['x-fc-request-id']);
  assert.equal(await text(answer.body), '{"Name":"hello you"}');
});
await row('invokeFunction: error of the function', async () => {
  const answer = await invoke(env.FAILS, '');
  assert.equal(answer.headers['x-fc-error-type'], 'UnhandledInvocationError');
  assert.match(await text(answer.body), /as it is/);
});
await row('invokeFunction: log', async () => {
  const answer = await invoke(env.LOGS, '', { xFcLogType: 'Tail' });
  assert.match(Buffer.from(answer.headers['x-fc-log-result'], 'base64').toString(), /a line of log/);
});
await row('invokeFunction: Async', async () => assert.equal((await invoke(env.ECHO, '{}', { xFcInvocationType: 'Async' })).statusCode, 202));
await refused('404 FunctionNotFound', { code: 'FunctionNotFound' }, () => invoke('nobody', ''));
