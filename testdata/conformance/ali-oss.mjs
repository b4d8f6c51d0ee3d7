// ali-oss: objects by both of its signatures, and what it must not be able to do.
import http from 'node:http';
import { text } from 'node:stream/consumers';
import OSS from 'ali-oss';
import { assert, env, row, refused } from './row.mjs';

// The client writes the bucket into the public host name; only the dialling is redirected.
const { hostname, port } = new URL(env.OSS_ENDPOINT);
const agent = new http.Agent({ lookup: (host, options, done) => (options.all ? done(null, [{ address: hostname, family: 4 }]) : done(null, hostname, 4)) });
const make = (authorizationV4, more = {}) => new OSS({
  accessKeyId: env.ALIBABA_CLOUD_ACCESS_KEY_ID, accessKeySecret: env.ALIBABA_CLOUD_ACCESS_KEY_SECRET, region: 'oss-cn-shanghai',
  endpoint: `http://oss-cn-shanghai.aliyuncs.com:${port}`, secure: false, agent, authorizationV4, ...more,
});
const fetched = (url) => new Promise((done, failed) => { http.get(url, { agent }, (r) => done(text(r))).on('error', failed); });
for (const v4 of [false, true]) {
  const name = (what) => `${v4 ? 'V4' : 'V1'}: ${what}`;
  const bucket = v4 ? 'ali-oss-v4' : 'ali-oss-v1';
  const client = make(v4);
  await row(name('bucket'), async () => {
    await client.putBucket(bucket);
    client.useBucket(bucket);
    const { buckets } = await client.listBuckets({ prefix: bucket, 'max-keys': 1 });
    assert.deepEqual(buckets.map((b) => b.name), [bucket]);
    assert.equal((await client.getBucketInfo(bucket)).bucket.Name, bucket);
  });
  const keys = ['plain', 'a b', 'a+b', 'a&b', 'a~b', 'a*b', 'a%b', 'dir/標題'];
  for (const key of keys) {
    await row(name(`object ${key}`), async () => {
      await client.put(key, Buffer.from(`of ${key}`), { meta: { note: 'n' }, headers: { 'Cache-Control': 'no-cache' } });
      const got = await client.get(key);
      assert.equal(got.content.toString(), `of ${key}`);
      assert.equal(got.res.headers['cache-control'], 'no-cache');
      assert.equal((await client.head(key)).meta.note, 'n');
      await client.copy(`copy of ${key}`, key);
      assert.equal((await client.get(`copy of ${key}`)).content.toString(), `of ${key}`);
      assert.equal((await client.list({ prefix: key, 'max-keys': 1 })).objects[0].name, key);
      await client.delete(`copy of ${key}`);
    });
  }
  await row(name('listV2'), async () => {
    const first = await client.listV2({ 'max-keys': 3 });
    const rest = await client.listV2({ 'max-keys': 100, 'continuation-token': first.nextContinuationToken });
    assert.equal(first.objects.length + rest.objects.length, keys.length);
  });
  await row(name('multipart'), async () => {
    const body = Buffer.alloc(250 * 1024, 'x');
    await client.multipartUpload('big', body, { partSize: 100 * 1024, parallel: 2 });
    assert.equal((await client.get('big')).content.length, body.length);
    const start = await client.initMultipartUpload('parts');
    const part = await client.uploadPartCopy('parts', start.uploadId, 1, `0-${body.length - 1}`, { sourceKey: 'big', sourceBucketName: bucket });
    await client.completeMultipartUpload('parts', start.uploadId, [{ number: 1, etag: part.etag }]);
    assert.equal((await client.get('parts')).content.length, body.length);
  });
  await row(name('signed address'), async () => {
    const url = v4 ? await client.signatureUrlV4('GET', 60, undefined, 'a b') : client.signatureUrl('a b');
    assert.equal(await fetched(url), 'of a b');
  });
  for (const [what, run] of Object.entries({
    tagging: () => client.putObjectTagging('plain', { a: 'b' }), 'tagging gone': () => client.deleteObjectTagging('plain'),
    acl: () => client.putACL('plain', 'public-read'), symlink: () => client.putSymlink('plain', 'a b'),
    lifecycle: () => client.deleteBucketLifecycle(bucket), 'bucket acl': () => client.putBucketACL(bucket, 'public-read'),
    stat: () => client.getBucketStat(bucket),
  })) await refused(name(`refused by name: ${what}`), { status: 501, code: 'NotImplemented' }, run);
  await row(name('as it was'), async () => assert.equal((await client.get('plain')).content.toString(), 'of plain'));
  await row(name('deletes'), async () => {
    await client.deleteMulti([...keys, 'big', 'parts']);
    await client.deleteBucket(bucket);
  });
  await refused(name('403 SignatureDoesNotMatch'), { code: 'SignatureDoesNotMatch' }, () => make(v4, { accessKeySecret: 'wrong' }).listBuckets());
}
