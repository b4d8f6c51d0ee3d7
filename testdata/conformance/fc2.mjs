// @alicloud/fc2: the invocation call of version 2.0, with its own signature.
import FC from '@alicloud/fc2';
import { assert, env, row, refused } from './row.mjs';

const client = (secret) => new FC(env.ALIBABA_CLOUD_ACCOUNT_ID, {
  accessKeyID: env.ALIBABA_CLOUD_ACCESS_KEY_ID, accessKeySecret: secret, region: 'cn-shanghai', endpoint: env.FUNCTIONS_ENDPOINT,
});
const fc = client(env.ALIBABA_CLOUD_ACCESS_KEY_SECRET);
await row('invokeFunction', async () => assert.equal((await fc.invokeFunction('any', env.ECHO, '{"Name":"you"}')).data, '{"Name":"hello you"}'));
await row('invokeFunction: Async', async () => assert.ok((await fc.invokeFunction('any', env.ECHO, '{}', { 'x-fc-invocation-type': 'Async' })).headers['x-fc-request-id']));
await refused('404 FunctionNotFound', /FunctionNotFound|does not exist/, () => fc.invokeFunction('any', 'nobody', ''));
await refused('403 SignatureNotMatch', /SignatureNotMatch|does not match/, () => client('wrong').invokeFunction('any', env.ECHO, '{}'));
