// @alicloud/mns: the queue calls and what it has of topics.
import MNS from '@alicloud/mns';
import { assert, env, row, refused } from './row.mjs';

const client = (secret) => new MNS(env.ALIBABA_CLOUD_ACCOUNT_ID, {
  accessKeyId: env.ALIBABA_CLOUD_ACCESS_KEY_ID, accessKeySecret: secret, endpoint: env.MNS_ENDPOINT,
});
const mns = client(env.ALIBABA_CLOUD_ACCESS_KEY_SECRET);
const queue = 'from-node';
let one, two;

await row('createQueue', async () => assert.equal((await mns.createQueue(queue, { VisibilityTimeout: 45 })).code, 201));
await row('setQueueAttributes', async () => assert.equal((await mns.setQueueAttributes(queue, { VisibilityTimeout: 50 })).code, 204));
await row('getQueueAttributes', async () => assert.equal((await mns.getQueueAttributes(queue)).body.VisibilityTimeout, '50'));
await row('listQueue', async () => assert.match((await mns.listQueue('', 10, queue)).body[0].QueueURL, /from-node$/));
await row('sendMessage', async () => assert.equal((await mns.sendMessage(queue, { MessageBody: 'aGk=', Priority: 1 })).body.MessageBodyMD5, '9A2FC0017AF31B9194A45FB6819E6DAA'));
await row('batchSendMessage', async () => assert.equal((await mns.batchSendMessage(queue, [{ MessageBody: 'a', Priority: 8 }, { MessageBody: 'b', Priority: 9 }])).body.length, 2));
await row('peekMessage', async () => assert.equal((await mns.peekMessage(queue)).body.MessageBody, 'aGk='));
await row('batchPeekMessage', async () => assert.equal((await mns.batchPeekMessage(queue, 16)).body.length, 3));
await row('receiveMessage', async () => { one = (await mns.receiveMessage(queue, 1)).body; assert.equal(one.DequeueCount, '1'); });
await row('batchReceiveMessage', async () => { two = (await mns.batchReceiveMessage(queue, 16, 1)).body; assert.equal(two.length, 2); });
await row('changeMessageVisibility', async () => { one = (await mns.changeMessageVisibility(queue, one.ReceiptHandle, 60)).body; assert.ok(one.NextVisibleTime > Date.now()); });
await row('deleteMessage', async () => assert.equal((await mns.deleteMessage(queue, one.ReceiptHandle)).code, 204));
await row('batchDeleteMessage in part', async () => {
  const answer = await mns.batchDeleteMessage(queue, [two[0].ReceiptHandle, 'nonsense']);
  assert.equal(answer.code, 404);
  assert.equal(answer.body[0].ErrorCode, 'ReceiptHandleError');
});
await row('batchDeleteMessage', async () => assert.equal((await mns.batchDeleteMessage(queue, [two[1].ReceiptHandle])).code, 204));
await refused('404 MessageNotExist', { name: 'MNSMessageNotExistError' }, () => mns.receiveMessage(queue));
await refused('404 QueueNotExist', { name: 'MNSQueueNotExistError' }, () => mns.sendMessage('nobody', { MessageBody: 'x' }));
await refused('403 SignatureDoesNotMatch', { name: 'MNSSignatureDoesNotMatchError' }, () => client('wrong').getQueueAttributes(queue));
await row('createTopic', async () => assert.equal((await mns.createTopic('node-topic')).code, 201));
await row('setTopicAttributes', async () => assert.equal((await mns.setTopicAttributes('node-topic', { MaximumMessageSize: 2048 })).code, 204));
await row('getTopicAttributes', async () => assert.equal((await mns.getTopicAttributes('node-topic')).body.MaximumMessageSize, '2048'));
await row('listTopic', async () => assert.match((await mns.listTopic('', 10, 'node-')).body[0].TopicURL, /node-topic$/));
await row('publishMessage', async () => assert.equal((await mns.publishMessage('node-topic', { MessageBody: 'x' })).code, 201));
await row('deleteQueue', async () => assert.equal((await mns.deleteQueue(queue)).code, 204));
