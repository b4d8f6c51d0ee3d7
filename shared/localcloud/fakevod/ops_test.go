package fakevod_test

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/vod"
	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud/fakeram"
	"vodcurator/shared/localcloud/fakevod"
)

// call makes one signed call of these parameters.
func (c *cloud) call(t testing.TB, action string, params ...string) (int, map[string]any) {
	t.Helper()
	q := common(action)
	for i := 0; i+1 < len(params); i += 2 {
		q.Set(params[i], params[i+1])
	}
	q.Set("Signature", sign("POST", q, "testSecret"))
	return c.do(t, "POST", q, nil)
}

func (c *cloud) refused(t testing.TB, status int, code string, action string, params ...string) {
	t.Helper()
	got, out := c.call(t, action, params...)
	require.Equal(t, fmt.Sprint(status, " ", code), fmt.Sprint(got, " ", out["Code"]), "%v", out)
}

func ids(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf("%032x", i))
	}
	return strings.Join(list, ",")
}

func TestLimitsAreRefusedInTheProvidersWords(t *testing.T) {
	c := newCloud(t, nil)
	id := c.Seed(fakevod.Asset{Title: "t"})[0]
	long := strings.Repeat("x", 129)
	many := strings.TrimSuffix(strings.Repeat("t,", 17), ",")
	items := func(n int) string {
		return "[" + strings.TrimSuffix(strings.Repeat(`{"VideoId":"a","ImageId":"a"},`, n), ",") + "]"
	}
	tests := []struct {
		action string
		params []string
		status int
		code   string
	}{
		{"GetVideoInfo", nil, 400, "MissingParameter"},
		{"GetVideoInfo", []string{"VideoId", "none"}, 404, "InvalidVideo.NotFound"},
		{"GetVideoInfos", []string{"VideoIds", ids(21)}, 400, "VideoIdsExceededMax"},
		{"GetVideoInfos", []string{"VideoIds", ids(2)}, 404, "InvalidVideo.NotFound"},
		{"BatchGetMediaInfos", []string{"MediaIds", ids(21)}, 400, "MediaIdsExceededMax"},
		{"UpdateVideoInfo", []string{"VideoId", id, "Title", long}, 400, "LengthExceededMax"},
		{"UpdateVideoInfo", []string{"VideoId", id, "Title", strings.Repeat("標", 43)}, 400, "LengthExceededMax"},
		{"UpdateVideoInfo", []string{"VideoId", id, "Description", strings.Repeat("x", 1025)}, 400, "LengthExceededMax"},
		{"UpdateVideoInfo", []string{"VideoId", id, "Tags", many}, 400, "TagsExceededMax"},
		{"UpdateVideoInfo", []string{"VideoId", id, "Tags", strings.Repeat("x", 33)}, 400, "LengthExceededMax"},
		{"UpdateVideoInfo", []string{"VideoId", id, "Title", "smile 😀"}, 400, "IllegalCharacters"},
		{"UpdateVideoInfo", []string{"VideoId", id, "CateId", "77"}, 404, "InvalidCateId.NotFound"},
		{"UpdateVideoInfo", []string{"VideoId", id, "CateId", "x"}, 400, "InvalidParameter"},
		{"UpdateVideoInfos", []string{"UpdateContent", items(21)}, 400, "CountExceededMax"},
		{"UpdateVideoInfos", []string{"UpdateContent", "{"}, 400, "InvalidParameter"},
		{"UpdateVideoInfos", []string{"UpdateContent", `[{"Title":"x"}]`}, 400, "InvalidParameter"},
		{"UpdateImageInfos", []string{"UpdateContent", items(21)}, 400, "CountExceededMax"},
		{"DeleteVideo", []string{"VideoIds", ids(21)}, 400, "VideoIdsExceededMax"},
		{"DeleteVideo", []string{"VideoIds", ids(3)}, 404, "InvalidVideo.NotFound"},
		{"DeleteStream", []string{"VideoId", id, "JobIds", ids(21)}, 400, "JobIdsExceededMax"},
		{"DeleteStream", []string{"VideoId", id, "JobIds", "none"}, 404, "InvalidStream.NotFound"},
		{"DeleteStream", []string{"VideoId", "none", "JobIds", "none"}, 404, "InvalidVideo.NotFound"},
		{"DeleteMezzanines", []string{"VideoIds", id, "Force", "maybe"}, 400, "InvalidParameter"},
		{"DeleteImage", nil, 400, "MissingParameter"},
		{"DeleteImage", []string{"DeleteImageType", "ImageId"}, 400, "MissingParameter"},
		{"DeleteImage", []string{"DeleteImageType", "ImageId", "ImageIds", "x"}, 404, "NoSuchResource"},
		{"DeleteImage", []string{"DeleteImageType", "Else"}, 400, "InvalidParameter"},
		{"DeleteImage", []string{"DeleteImageType", "VideoId", "VideoId", id, "ImageType", "All,CoverSnapshot"}, 400, "InvalidParameter"},
		{"DeleteImage", []string{"DeleteImageType", "VideoId", "VideoId", id, "ImageType", "WebVttSnapshot"}, 400, "InvalidParameter"},
		{"GetImageInfo", []string{"ImageId", id}, 404, "NoSuchResource"},
		{"GetMezzanineInfo", []string{"VideoId", id}, 404, "InvalidFile.NotFound"},
		{"GetMezzanineInfo", []string{"VideoId", id, "OutputType", "oss", "AuthTimeout", "2592001"}, 400, "InvalidParameter"},
		{"GetPlayInfo", []string{"VideoId", id}, 404, "InvalidVideo.NoneStream"},
		{"GetVideoList", []string{"PageSize", "101"}, 400, "InvalidParameter"},
		{"GetVideoList", []string{"PageNo", "51", "PageSize", "100"}, 400, "VideoListExceededMax"},
		{"GetVideoList", []string{"StartTime", "2025-01-02T00:00:00Z", "EndTime", "2025-01-01T00:00:00Z"}, 400, "InvalidParameter"},
		{"SearchMedia", []string{"PageSize", "101"}, 400, "InvalidParameter"},
		{"SearchMedia", []string{"PageNo", "51", "PageSize", "100"}, 400, "InvalidParameter"},
		{"SearchMedia", []string{"Match", "Title='x"}, 400, "ErrorMatchSyntax"},
		{"SearchMedia", []string{"ScrollToken", "unknown"}, 400, "InvalidScrollToken.Expired"},
		{"SearchMedia", []string{"ScrollToken", "x", "SortBy", "CreationTime:Desc,ModificationTime:Asc"}, 400, "SortByExceededMax"},
		{"SearchMedia", []string{"SearchType", "image", "ScrollToken", "x"}, 400, "InvalidParameter"},
		{"SearchMedia", []string{"SortBy", "Title:Asc"}, 400, "InvalidParameter"},
		{"CreateUploadVideo", []string{"FileName", "x.mp4"}, 400, "MissingParameter"},
		{"CreateUploadVideo", []string{"FileName", "x.exe", "Title", "t"}, 400, "InvalidFileName.Extension"},
		{"CreateUploadVideo", []string{"FileName", "x.mp4", "Title", long}, 400, "LengthExceededMax"},
		{"CreateUploadVideo", []string{"FileName", "x.mp4", "Title", "t", "TemplateGroupId", "none"}, 404, "InvalidTemplateGroupId.NotFound"},
		{"CreateUploadVideo", []string{"FileName", "x.mp4", "Title", "t", "StorageLocation", "elsewhere"}, 404, "InvalidStorage.NotFound"},
		{"CreateUploadImage", []string{"ImageType", "else"}, 400, "InvalidParameter"},
		{"RefreshUploadVideo", []string{"VideoId", id}, 400, "InvalidVideo.Damaged"},
		{"SetMessageCallback", []string{"CallbackURL", "ftp://x"}, 400, "InvalidParameter"},
		{"SetMessageCallback", []string{"CallbackURL", "http://x/" + strings.Repeat("x", 256)}, 400, "InvalidParameter"},
		{"SetMessageCallback", []string{"CallbackURL", "http://x", "AuthSwitch", "on", "AuthKey", "weak"}, 400, "InvalidParameter"},
		{"SetMessageCallback", []string{"CallbackURL", "http://x", "EventTypeList", "NoSuchEvent"}, 400, "InvalidParameter"},
		{"SetMessageCallback", []string{"CallbackType", "MNS", "MnsEndpoint", "http://x"}, 400, "MissingParameter"},
		{"AddCategory", []string{"CateName", strings.Repeat("x", 65)}, 400, "LengthExceededMax"},
		{"AddCategory", []string{"CateName", "x", "ParentId", "5"}, 404, "InvalidCateId.NotFound"},
		{"UpdateCategory", []string{"CateName", "x"}, 400, "MissingParameter"},
		{"DeleteCategory", nil, 400, "MissingParameter"},
		{"GetCategories", []string{"CateId", "5"}, 404, "InvalidCateId.NotFound"},
		{"ListSnapshots", []string{"VideoId", id}, 404, "NoSuchResource"},
		{"ListSnapshots", []string{"VideoId", id, "AuthTimeout", "60"}, 400, "InvalidParameter"},
		{"UpdateMediaStorageClass", []string{"MediaIds", id}, 400, "MissingParameter"},
		{"UpdateMediaStorageClass", []string{"MediaIds", id, "StorageClass", "Ice"}, 400, "InvalidParameter"},
		{"RestoreMedia", []string{"MediaIds", id, "RestoreDays", "366"}, 400, "InvalidParameter"},
		{"RefreshMediaPlayUrls", []string{"MediaIds", id}, 400, "MissingParameter"},
		{"RefreshVodObjectCaches", []string{"ObjectPath", "no url"}, 400, "InvalidObjectPath.Malformed"},
		{"RefreshVodObjectCaches", []string{"ObjectPath", "http://theirs.example.com/x"}, 404, "InvalidDomain.NotFound"},
	}
	for _, tc := range tests {
		c.refused(t, tc.status, tc.code, tc.action, tc.params...)
	}
	a, _ := c.Lookup(id)
	require.Equal(t, "t", a.Title, "nothing of it took effect")
	require.Equal(t, 1, c.Len())
}

// Every answer goes through the decoder of the official client, which fails on a
// list where it wants an object.
func TestEveryOperationByTheOfficialClient(t *testing.T) {
	c := newCloud(t, nil)
	client := c.sdk(t, nil)
	one := c.upload(t, "landscape.mp4", "one")
	two := c.upload(t, "portrait.mp4", "two")
	sound := c.upload(t, "audio-only.m4a", "sound")
	picture := c.upload(t, "cover.jpg", "picture")

	batch := vod.CreateBatchGetMediaInfosRequest()
	batch.MediaIds = strings.Join([]string{one, sound, "none"}, ",")
	medias, err := client.BatchGetMediaInfos(batch)
	require.NoError(t, err)
	require.Equal(t, []string{"none"}, medias.NonExistMediaIds)
	require.Len(t, medias.MediaInfos, 2)
	m := medias.MediaInfos[0]
	require.Equal(t, "one", m.MediaInfo.Title)
	require.Equal(t, int64(151626), m.MezzanineInfo.Size)
	require.Equal(t, "Normal", m.MezzanineInfo.Status)
	require.Len(t, m.PlayInfoList, 2)
	require.Len(t, m.MediaInfo.Snapshots, 3)

	infos := vod.CreateGetVideoInfosRequest()
	infos.VideoIds = one + ",none," + two
	videos, err := client.GetVideoInfos(infos)
	require.NoError(t, err)
	require.Equal(t, []string{"none"}, videos.NonExistVideoIds)
	require.Len(t, videos.VideoList, 2)
	require.Len(t, videos.VideoList[0].Snapshots, 3)
	require.Equal(t, "FastTranscode", videos.VideoList[0].TranscodeMode)

	update := vod.CreateUpdateVideoInfosRequest()
	update.UpdateContent = fmt.Sprintf(`[{"VideoId":%q,"Title":"ONE","Tags":"a,b"},{"VideoId":"none","Title":"x"}]`, one)
	c.Advance(time.Hour)
	updated, err := client.UpdateVideoInfos(update)
	require.NoError(t, err)
	require.Equal(t, []string{"none"}, updated.NonExistVideoIds)
	a, _ := c.Lookup(one)
	require.Equal(t, []any{"ONE", "a,b", start.Add(time.Hour)}, []any{a.Title, a.Tags, a.Modified})

	single := vod.CreateUpdateVideoInfoRequest()
	single.VideoId, single.Description = one, "text"
	_, err = client.UpdateVideoInfo(single)
	require.NoError(t, err)

	images := vod.CreateUpdateImageInfosRequest()
	images.UpdateContent = fmt.Sprintf(`[{"ImageId":%q,"Tags":"c"},{"ImageId":"none"}]`, picture)
	imaged, err := client.UpdateImageInfos(images)
	require.NoError(t, err)
	require.Equal(t, []string{"none"}, imaged.NonExistImageIds.ImageId)

	getImages := vod.CreateGetImageInfosRequest()
	getImages.ImageIds = picture + ",none"
	pictures, err := client.GetImageInfos(getImages)
	require.NoError(t, err)
	require.Equal(t, "c", pictures.ImageInfo[0].Tags)
	require.Equal(t, []string{"none"}, pictures.NonExistImageIds)

	search := vod.CreateSearchMediaRequest()
	search.Match, search.Fields = "Tags = 'a'", "Title,Tags,Status,Size,Duration,Snapshots,CateId,CoverURL"
	found, err := client.SearchMedia(search)
	require.NoError(t, err)
	require.Equal(t, int64(1), found.Total)
	require.Equal(t, "ONE", found.MediaList[0].Video.Title)
	require.Len(t, found.MediaList[0].Video.Snapshots, 3)
	require.Len(t, found.ScrollToken, 32)
	search = vod.CreateSearchMediaRequest()
	search.SearchType, search.Fields = "audio", "Title"
	found, err = client.SearchMedia(search)
	require.NoError(t, err)
	require.Equal(t, sound, found.MediaList[0].Audio.AudioId)
	search = vod.CreateSearchMediaRequest()
	search.SearchType, search.Fields = "image", "Title,URL,Mezzanine"
	found, err = client.SearchMedia(search)
	require.NoError(t, err)
	require.Equal(t, 640, found.MediaList[0].Image.Mezzanine.Width)
	require.Empty(t, found.ScrollToken)

	list := vod.CreateGetVideoListRequest()
	list.PageSize = requests.NewInteger(2)
	listed, err := client.GetVideoList(list)
	require.NoError(t, err)
	require.Equal(t, 3, listed.Total)
	require.Len(t, listed.VideoList.Video, 2)

	snaps := vod.CreateListSnapshotsRequest()
	snaps.VideoId, snaps.SnapshotType = one, "CoverSnapshot"
	shot, err := client.ListSnapshots(snaps)
	require.NoError(t, err)
	require.Equal(t, int64(3), shot.MediaSnapshot.Total)
	require.Equal(t, m.MediaInfo.Snapshots[2], shot.MediaSnapshot.Snapshots.Snapshot[2].Url)

	refresh := vod.CreateRefreshMediaPlayUrlsRequest()
	refresh.MediaIds, refresh.TaskType = one+",none", "Refresh"
	refreshed, err := client.RefreshMediaPlayUrls(refresh)
	require.NoError(t, err)
	require.Equal(t, "none", refreshed.NonExistMediaIds)
	jobs := vod.CreateGetMediaRefreshJobsRequest()
	jobs.MediaRefreshJobId = refreshed.MediaRefreshJobId
	done, err := client.GetMediaRefreshJobs(jobs)
	require.NoError(t, err)
	require.Equal(t, "success", done.MediaRefreshJobs[0].Status)
	caches := vod.CreateRefreshVodObjectCachesRequest()
	caches.ObjectPath = m.MezzanineInfo.FileURL
	_, err = client.RefreshVodObjectCaches(caches)
	require.NoError(t, err)

	tags := vod.CreateGetAIVideoTagResultRequest()
	tags.MediaId = one
	_, err = client.GetAIVideoTagResult(tags)
	require.NoError(t, err)

	class := vod.CreateUpdateMediaStorageClassRequest()
	class.MediaIds, class.StorageClass, class.Scope = two+",none", "Archive", "All"
	classed, err := client.UpdateMediaStorageClass(class)
	require.NoError(t, err)
	require.Equal(t, "Processing", classed.Status)
	require.Equal(t, "none", classed.ForbiddenList.MediaForbiddenReasonDTO[0].MediaId)
	c.settle(t)
	a, _ = c.Lookup(two)
	require.Equal(t, "Archive", a.StorageClass)
	restore := vod.CreateRestoreMediaRequest()
	restore.MediaIds, restore.RestoreDays = two+","+one, "3"
	restored, err := client.RestoreMedia(restore)
	require.NoError(t, err)
	require.True(t, restored.Success)
	require.Equal(t, []string{one}, restored.IgnoredList.MediaId)
	c.settle(t)
	a, _ = c.Lookup(two)
	require.Equal(t, []any{"Success", start.Add(73 * time.Hour)}, []any{a.RestoreStatus, a.RestoreExpiration})

	cate := vod.CreateAddCategoryRequest()
	cate.CateName = "Sports"
	added, err := client.AddCategory(cate)
	require.NoError(t, err)
	below := vod.CreateAddCategoryRequest()
	below.CateName, below.ParentId = "Judo", requests.NewInteger64(added.Category.CateId)
	_, err = client.AddCategory(below)
	require.NoError(t, err)
	cates := vod.CreateGetCategoriesRequest()
	cates.CateId = requests.NewInteger64(added.Category.CateId)
	tree, err := client.GetCategories(cates)
	require.NoError(t, err)
	require.Equal(t, []any{"Sports", "Judo", int64(1)}, []any{tree.Category.CateName, tree.SubCategories.Category[0].CateName, tree.SubCategories.Category[0].Level})
	rename := vod.CreateUpdateCategoryRequest()
	rename.CateId, rename.CateName = requests.NewInteger64(added.Category.CateId), "Sport"
	_, err = client.UpdateCategory(rename)
	require.NoError(t, err)
	drop := vod.CreateDeleteCategoryRequest()
	drop.CateId = requests.NewInteger64(added.Category.CateId)
	_, err = client.DeleteCategory(drop)
	require.NoError(t, err)
	c.refused(t, 404, "InvalidCateId.NotFound", "GetCategories", "CateId", fmt.Sprint(added.Category.CateId))

	again := vod.CreateRefreshUploadVideoRequest()
	again.VideoId = one
	_, err = client.RefreshUploadVideo(again)
	require.NoError(t, err)

	set := vod.CreateSetMessageCallbackRequest()
	set.CallbackType, set.MnsEndpoint, set.MnsQueueName, set.EventTypeList, set.AppId = "MNS", "http://1.mns.cn-shanghai.aliyuncs.com/", "q", "ALL", "app-7"
	_, err = client.SetMessageCallback(set)
	require.NoError(t, err)
	cb := vod.CreateGetMessageCallbackRequest()
	cb.AppId = "app-7"
	setting, err := client.GetMessageCallback(cb)
	require.NoError(t, err)
	require.Equal(t, []string{"MNS", "q", "ALL"}, []string{setting.MessageCallback.CallbackType, setting.MessageCallback.MnsQueueName, setting.MessageCallback.EventTypeList})
	unset := vod.CreateDeleteMessageCallbackRequest()
	unset.AppId = "app-7"
	_, err = client.DeleteMessageCallback(unset)
	require.NoError(t, err)

	stream := vod.CreateDeleteStreamRequest()
	stream.VideoId, stream.JobIds = one, m.PlayInfoList[0].JobId
	_, err = client.DeleteStream(stream)
	require.NoError(t, err)
	a, _ = c.Lookup(one)
	require.Len(t, a.Streams, 1)
	require.Equal(t, "Normal", a.Status)

	mezz := vod.CreateDeleteMezzaninesRequest()
	mezz.VideoIds = one + ",none"
	less, err := client.DeleteMezzanines(mezz)
	require.NoError(t, err)
	require.Equal(t, []string{"none"}, less.NonExistVideoIds)
	source := vod.CreateGetMezzanineInfoRequest()
	source.VideoId = one
	gone, err := client.GetMezzanineInfo(source)
	require.NoError(t, err)
	require.Equal(t, "Deleted", gone.Mezzanine.Status)
	require.Len(t, c.OSS.Keys(c.Bucket()), 3, "the source's object is gone too")

	shots := vod.CreateDeleteImageRequest()
	shots.DeleteImageType, shots.VideoId, shots.ImageType = "VideoId", two, "CoverSnapshot,SpriteSnapshot"
	_, err = client.DeleteImage(shots)
	require.NoError(t, err)
	a, _ = c.Lookup(two)
	require.Len(t, a.Snapshots, 1)
	byURL := vod.CreateDeleteImageRequest()
	byURL.DeleteImageType, byURL.ImageURLs = "ImageURL", url.QueryEscape(pictures.ImageInfo[0].URL)
	_, err = client.DeleteImage(byURL)
	require.NoError(t, err)

	del := vod.CreateDeleteVideoRequest()
	del.VideoIds = strings.Join([]string{one, two, sound, "none"}, ",")
	deleted, err := client.DeleteVideo(del)
	require.NoError(t, err)
	require.Equal(t, []string{"none"}, deleted.NonExistVideoIds)
	require.Zero(t, c.Len())
	require.Empty(t, c.OSS.Keys(c.Bucket()))

	// Everything that is emulated was called above or in the tests of uploads.
	for _, op := range fakevod.Operations() {
		switch op {
		case "CreateUploadVideo", "CreateUploadImage", "GetVideoInfo", "GetPlayInfo", "GetImageInfo", "GetCallerIdentity",
			"AssumeRole", "CreateAudit", "GetAuditHistory", "MoveAppResource", "SubmitSnapshotJob", // these and the following in the conformance suite
			"CreateUploadAttachedMedia", "GetAttachedMediaInfo", "DeleteAttachedMedia", "RegisterMedia", "SubmitTranscodeJobs", "GetTranscodeTask", "ListTranscodeTask",
			"SubmitAIJob", "ListAIJob", "SubmitAIMediaAuditJob", "GetAIMediaAuditJob", "GetMediaAuditResult",
			"GetMediaAuditResultDetail", "GetTranscodeSummary", "UpdateAttachedMediaInfos",
			"DescribePlayTopVideos", "DescribePlayVideoStatis", "DescribePlayUserTotal":
		default:
			require.Positive(t, c.Log().Count(op), op)
		}
	}
}

func TestSwitchesOfWhatIsDoubtful(t *testing.T) {
	with := func(change func(*fakevod.Options)) *cloud {
		c := newCloud(t, change)
		c.Seed(fakevod.Asset{ID: "v", Title: "t", Tags: "a", Source: &fakevod.Source{Status: "Deleted"}, Streams: []fakevod.Stream{{JobID: "j1", Definition: "LD"}, {JobID: "j2", Definition: "SD"}}})
		return c
	}
	tags := func(c *cloud) string { a, _ := c.Lookup("v"); return a.Tags + "|" + a.Title }
	bad := `[{"VideoId":"v","Tags":"new"},{"VideoId":"v","Title":"` + strings.Repeat("x", 129) + `"}]`
	for _, on := range []bool{false, true} {
		pick := func(off, yes string) string {
			if on {
				return yes
			}
			return off
		}
		ask := func(set func(*fakevod.Options), action string, params ...string) (*cloud, string) {
			c := with(func(o *fakevod.Options) {
				if on {
					set(o)
				}
			})
			status, out := c.call(t, action, params...)
			code, _ := out["Code"].(string)
			return c, fmt.Sprint(status, " ", cmp.Or(code, "ok"))
		}
		c, _ := ask(func(o *fakevod.Options) { o.EmptyIgnored = true }, "UpdateVideoInfo", "VideoId", "v", "Tags", "")
		require.Equal(t, pick("|t", "a|t"), tags(c))
		c, got := ask(func(o *fakevod.Options) { o.PartialInvalid = true }, "UpdateVideoInfos", "UpdateContent", bad)
		require.Equal(t, "400 LengthExceededMax", got)
		require.Equal(t, pick("a|t", "new|t"), tags(c))
		_, got = ask(func(o *fakevod.Options) { o.UpdateAllUnknown404 = true }, "UpdateVideoInfos", "UpdateContent", `[{"VideoId":"none"}]`)
		require.Equal(t, pick("200 ok", "404 InvalidVideo.NotFound"), got)
		_, got = ask(func(o *fakevod.Options) { o.SourceGoneNotFound = true }, "GetMezzanineInfo", "VideoId", "v")
		require.Equal(t, pick("200 ok", "404 InvalidFile.NotFound"), got)
		_, got = ask(func(o *fakevod.Options) { o.MezzaninesAllUnknown404 = true }, "DeleteMezzanines", "VideoIds", "none")
		require.Equal(t, pick("200 ok", "404 InvalidVideo.NotFound"), got)
		c, got = ask(func(o *fakevod.Options) { o.StreamsSkipUnknown = true }, "DeleteStream", "VideoId", "v", "JobIds", "j1,none")
		require.Equal(t, pick("404 InvalidStream.NotFound", "200 ok"), got)
		a, _ := c.Lookup("v")
		require.Len(t, a.Streams, map[bool]int{false: 2, true: 1}[on])
		_, got = ask(func(o *fakevod.Options) { o.EmptyListNotFound = true }, "GetVideoList", "Status", "Blocked")
		require.Equal(t, pick("200 ok", "404 InvalidVideo.NotFound"), got)
		_, got = ask(func(o *fakevod.Options) { o.PastWindowEmpty = true }, "SearchMedia", "PageNo", "501")
		require.Equal(t, pick("400 InvalidParameter", "200 ok"), got)
		_, got = ask(func(o *fakevod.Options) { o.BareOr = true }, "SearchMedia", "Match", "Title='a' or Title='b' and Tags='c'")
		require.Equal(t, pick("400 ErrorMatchSyntax", "200 ok"), got)
		_, got = ask(func(o *fakevod.Options) { o.CreateInBytes = true }, "CreateUploadVideo", "FileName", "a.mp4", "Title", strings.Repeat("標", 60))
		require.Equal(t, pick("200 ok", "400 LengthExceededMax"), got)
	}
	c := with(func(o *fakevod.Options) { o.ListStartInclusive = true })
	a, _ := c.Lookup("v")
	_, out := c.call(t, "GetVideoList", "StartTime", a.Created.Format(time.RFC3339))
	require.InDelta(t, 1, out["Total"], 0)

	var bodies []string
	c = newCloud(t, func(o *fakevod.Options) {
		o.Base64Notifications, o.ColonMillis, o.StringNotificationNumber, o.StringMediaContent = true, true, true, true
		o.Callback = &fakevod.Callback{CallbackType: "MNS", MnsQueueName: "q", EventTypeList: "ALL"}
		o.Enqueue = func(_ string, body []byte) error {
			raw, err := base64.StdEncoding.DecodeString(string(body))
			bodies = append(bodies, string(raw))
			return err
		}
	})
	c.upload(t, "cover.jpg", "x")
	c.upload(t, "audio-only.m4a", "x")
	all := strings.Join(bodies, "\n")
	require.Contains(t, all, `"EventTime":"2025-03-01T12:00:00:000Z"`)
	require.Contains(t, all, `"Duration":"8"`)
	require.Contains(t, all, `"MediaContent":"{\"Title\"`)

	c = with(func(o *fakevod.Options) { o.StringNumbers = true })
	_, out = c.call(t, "SearchMedia")
	require.Equal(t, "1", out["Total"])
}

func TestApplicationsDivideTheLibrary(t *testing.T) {
	c := newCloud(t, nil)
	c.Seed(fakevod.Asset{ID: "ours", AppID: "app-1", Tags: "x"}, fakevod.Asset{ID: "theirs", AppID: "app-2", Tags: "x"})
	c.Keys.Add(fakeram.Key{ID: "one", Secret: "s", Apps: []string{"app-1"}})
	client := c.sdk(t, credentials.NewAccessKeyCredential("one", "s"))
	get := vod.CreateGetVideoInfoRequest()
	get.VideoId = "theirs"
	_, err := client.GetVideoInfo(get)
	got, status := code(t, err)
	require.Equal(t, []any{"Forbidden", 403}, []any{got, status})
	update := vod.CreateUpdateVideoInfosRequest()
	update.UpdateContent = `[{"VideoId":"ours","Title":"new"},{"VideoId":"theirs","Title":"new"}]`
	updated, err := client.UpdateVideoInfos(update)
	require.NoError(t, err)
	require.Equal(t, []string{"theirs"}, updated.ForbiddenVideoIds)
	search := vod.CreateSearchMediaRequest()
	search.Match = "Tags = 'x'"
	found, err := client.SearchMedia(search)
	require.NoError(t, err)
	require.Equal(t, int64(1), found.Total)
	batch := vod.CreateBatchGetMediaInfosRequest()
	batch.MediaIds = "ours,theirs"
	medias, err := client.BatchGetMediaInfos(batch)
	require.NoError(t, err)
	require.Equal(t, []string{"theirs"}, medias.ForbiddenMediaIds)
	del := vod.CreateDeleteVideoRequest()
	del.VideoIds = "ours,theirs"
	deleted, err := client.DeleteVideo(del)
	require.NoError(t, err)
	require.Equal(t, []string{"theirs"}, deleted.ForbiddenVideoIds)
	require.Equal(t, 1, c.Len())
	_, err = client.DeleteVideo(del)
	require.NoError(t, err, "ours is gone, theirs still forbidden")
	require.Equal(t, []string{"theirs"}, c.titlesBy(t, "AppId in ('app-2')"))
}
