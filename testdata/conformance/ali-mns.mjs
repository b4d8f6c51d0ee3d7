// ali-mns: its address is fixed, so it comes through HTTP_PROXY, with absolute targets.
import ali from 'ali-mns';
import { assert, env, row, refused } from './row.mjs';

const login = (secret) => {
  const account = new ali.Account(env.ALIBABA_CLOUD_ACCOUNT_ID, env.ALIBABA_CLOUD_ACCESS_KEY_ID, secret);
  account.setGA(false); // no statistics to anybody
  account.setHttps(false);
  return account;
};
const account = login(env.ALIBABA_CLOUD_ACCESS_KEY_SECRET);
const region = 'cn-shanghai';
const mns = new ali.MNS(account, region);
const queue = new ali.MQ('from-ali', account, region);
const batch = new ali.MQBatch('from-ali', account, region);
const code = (word) => (err) => err.Error?.Code === word;
let one, two;

await row('MNS.createP', () => mns.createP('from-ali', { VisibilityTimeout: 45 }));
await row('MNS.listP', async () => assert.match(JSON.stringify(await mns.listP('from-', 10)), /queues\/from-ali/));
await row('MQ.setAttrsP', () => queue.setAttrsP({ VisibilityTimeout: 50 }));
await row('MQ.getAttrsP', async () => assert.equal(Number((await queue.getAttrsP()).Queue.VisibilityTimeout), 50));
await row('MQ.sendP', async () => assert.ok((await queue.sendP('標題 <&>', 1, 0)).Message.MessageId));
await row('MQBatch.sendP', async () => assert.equal((await batch.sendP([new ali.Msg('a', 8, 0), new ali.Msg('b', 9, 0)])).Messages.Message.length, 2));
await row('MQ.peekP', async () => assert.equal((await queue.peekP()).Message.MessageBody, '標題 <&>'));
await row('MQBatch.peekP', async () => assert.equal((await batch.peekP(16)).Messages.Message.length, 3));
await row('MQ.recvP', async () => { one = (await queue.recvP(1)).Message; assert.equal(one.MessageBody, '標題 <&>'); });
await row('MQBatch.recvP', async () => { two = (await batch.recvP(1, 16)).Messages.Message; assert.equal(two.length, 2); });
await row('MQ.reserveP', async () => { one = (await queue.reserveP(one.ReceiptHandle, 60)).ChangeVisibility; assert.ok(one.ReceiptHandle); });
await row('MQ.deleteP', () => queue.deleteP(one.ReceiptHandle));
await refused('MQBatch.deleteP in part', (err) => err.Errors.Error.ErrorCode === 'ReceiptHandleError', () => batch.deleteP([two[0].ReceiptHandle, 'nonsense']));
await row('MQBatch.deleteP', () => batch.deleteP([two[1].ReceiptHandle]));
await refused('404 MessageNotExist', code('MessageNotExist'), () => queue.recvP(0));
await refused('403 SignatureDoesNotMatch', code('SignatureDoesNotMatch'), () => new ali.MQ('from-ali', login('wrong'), region).getAttrsP());
await row('MQ.notifyRecv', async () => {
  await queue.sendP('told', 8, 0);
  await new Promise((resolve) => queue.notifyRecv((err, message) => {
    if (message?.Message.MessageBody !== 'told') return false;
    resolve();
    return true; // which deletes it
  }, 1));
  await queue.notifyStopP();
});
const topics = new ali.MNSTopic(account, region);
const topic = new ali.Topic('ali-topic', account, region);
const subscription = new ali.Subscription('s', topic);
await row('MNSTopic.createTopicP', () => topics.createTopicP('ali-topic'));
await row('MNSTopic.listTopicP', async () => assert.match(JSON.stringify(await topics.listTopicP('ali-', 10)), /topics\/ali-topic/));
await row('Topic.setAttrsP', () => topic.setAttrsP({ MaximumMessageSize: 2048 }));
await row('Topic.getAttrsP', async () => assert.equal(Number((await topic.getAttrsP()).Topic.MaximumMessageSize), 2048));
await row('Topic.subscribeP', () => topic.subscribeP('s', `acs:mns:${region}:${env.ALIBABA_CLOUD_ACCOUNT_ID}:queues/from-ali`, 'BACKOFF_RETRY', 'SIMPLIFIED'));
await row('Topic.listP', async () => assert.match(JSON.stringify(await topic.listP('s', 10)), /subscriptions\/s/));
await row('Subscription.setAttrsP', () => subscription.setAttrsP({ NotifyStrategy: 'EXPONENTIAL_DECAY_RETRY' }));
await row('Subscription.getAttrsP', async () => assert.equal((await subscription.getAttrsP()).Subscription.NotifyStrategy, 'EXPONENTIAL_DECAY_RETRY'));
await row('Topic.publishP', async () => {
  await topic.publishP('news', true);
  assert.equal((await queue.recvP(2)).Message.MessageBody, 'news');
});
await row('Topic.unsubscribeP', () => topic.unsubscribeP('s'));
await row('MNSTopic.deleteTopicP', () => topics.deleteTopicP('ali-topic'));
await row('MNS.deleteP', () => mns.deleteP('from-ali'));
