package conformance_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud/fakevod"
)

// vodCase is one call and what it must bring; shows names the parameters whose
// effect it has shown.
type vodCase struct {
	op     string
	in     []string
	want   string // status and code; "" is 200
	shows  []string
	then   []string // for face.check
	before [][]string
	after  []string // a call whose answer then is about, in place of the case's own
	as     string   // whose key; "" the account's
	limit  string   // a limit that it shows
}

const library = "cdn.example.com"

// vodBase is an ordinary call of each operation; the limits are tried around it.
var vodBase = map[string][]string{
	"CreateUploadVideo":         {"Title", "t", "FileName", "f.mp4"},
	"RefreshUploadVideo":        {"VideoId", "up"},
	"CreateUploadImage":         {"ImageType", "default"},
	"GetVideoInfo":              {"VideoId", "v"},
	"GetVideoInfos":             {"VideoIds", "v"},
	"BatchGetMediaInfos":        {"MediaIds", "v"},
	"UpdateVideoInfo":           {"VideoId", "v"},
	"UpdateVideoInfos":          {"UpdateContent", `[{"VideoId":"v"}]`},
	"SearchMedia":               {},
	"GetVideoList":              {},
	"GetPlayInfo":               {"VideoId", "v"},
	"GetMezzanineInfo":          {"VideoId", "v"},
	"DeleteStream":              {"VideoId", "v", "JobIds", "j-ld"},
	"DeleteMezzanines":          {"VideoIds", "v"},
	"DeleteVideo":               {"VideoIds", "v"},
	"GetImageInfo":              {"ImageId", "i"},
	"GetImageInfos":             {"ImageIds", "i"},
	"UpdateImageInfos":          {"UpdateContent", `[{"ImageId":"i"}]`},
	"DeleteImage":               {"DeleteImageType", "ImageId", "ImageIds", "i"},
	"SetMessageCallback":        {"CallbackURL", "http://h/", "AuthSwitch", "on", "AuthKey", "Abc12345"},
	"GetMessageCallback":        {},
	"DeleteMessageCallback":     {},
	"GetCategories":             {},
	"AddCategory":               {"CateName", "new"},
	"UpdateCategory":            {"CateId", sports, "CateName", "new"},
	"DeleteCategory":            {"CateId", sports},
	"ListSnapshots":             {"VideoId", "v"},
	"GetAIVideoTagResult":       {"MediaId", "v"},
	"UpdateMediaStorageClass":   {"MediaIds", "v", "StorageClass", "IA"},
	"RestoreMedia":              {"MediaIds", "cold"},
	"RefreshMediaPlayUrls":      {"MediaIds", "v", "TaskType", "Refresh"},
	"GetMediaRefreshJobs":       {"MediaRefreshJobId", "none"},
	"RefreshVodObjectCaches":    {"ObjectPath", "http://" + library + "/x"},
	"CreateAudit":               {"AuditContent", `[{"VideoId":"v","Status":"Normal"}]`},
	"GetAuditHistory":           {"VideoId", "v"},
	"SubmitSnapshotJob":         {"VideoId", "v"},
	"GetMediaAuditResult":       {"MediaId", "v"},
	"GetMediaAuditResultDetail": {"MediaId", "v", "PageNo", "1"},
	"GetTranscodeSummary":       {"VideoIds", "v"},
	"UpdateAttachedMediaInfos":  {"UpdateContent", `[{"MediaId":"at"}]`},
	"SubmitAIMediaAuditJob":     {"MediaId", "v"},
	"GetAIMediaAuditJob":        {"JobId", "ai-audit"},
	"SubmitAIJob":               {"MediaId", "v"},
	"ListAIJob":                 {"JobIds", "ai-tag"},
	"SubmitTranscodeJobs":       {"VideoId", "v", "TemplateGroupId", fakevod.DefaultTemplate},
	"GetTranscodeTask":          {"JobIds", "j-ld"},
	"ListTranscodeTask":         {"VideoId", "v"},
	"RegisterMedia":             {"RegisterMetadatas", `[{"FileURL":"http://elsewhere.example.com/a.mp4"}]`, "TemplateGroupId", fakevod.NoTranscode},

	"CreateUploadAttachedMedia": {"BusinessType", "watermark"},
	"GetAttachedMediaInfo":      {"MediaIds", "at"},
	"DeleteAttachedMedia":       {"MediaIds", "at"},
	"DescribePlayTopVideos":     {"BizDate", "2026-02-10T00:00:00Z"},
	"DescribePlayVideoStatis":   {"VideoId", "v", "StartTime", "2026-02-09T00:00:00Z", "EndTime", "2026-02-12T00:00:00Z"},
	"DescribePlayUserTotal":     {"StartTime", "2026-02-09T00:00:00Z", "EndTime", "2026-02-12T00:00:00Z"},
	"MoveAppResource":           {"ResourceType", "video", "ResourceIds", "v", "TargetAppId", "app-2"},
}

// vodCompanions are what a value needs beside it.
var vodCompanions = map[string][]string{
	"SetMessageCallback.CallbackType=MNS":          {"MnsEndpoint", "http://1.mns.cn-shanghai.aliyuncs.com/", "MnsQueueName", "q"},
	"DeleteImage.DeleteImageType=ImageURL":         {"ImageURLs", "http://h/x"},
	"DeleteImage.DeleteImageType=VideoId":          {"VideoId", "v", "ImageType", "All"},
	"DeleteImage.ImageURLs":                        {"DeleteImageType", "ImageURL"},
	"DeleteImage.ImageType=CoverSnapshot":          {"DeleteImageType", "VideoId", "VideoId", "v"},
	"UpdateMediaStorageClass.StorageClass=Archive": nil,
}

var gatewayErrors = map[string]int{
	"MissingParameter": 400, "InvalidParameter": 400, "OperationDenied": 403, "OperationDenied.Suspended": 403, "Forbidden": 403,
	"InternalError": 500, "ServiceUnAvailable": 503, "Throttling.User": 400, "InvalidApi.NotFound": 404, "Missing<Name>": 400,
	"Invalid<Name>": 400, "InvalidAccessKeyId.NotFound": 404, "InvalidAccessKeyId.Inactive": 400, "SignatureDoesNotMatch": 400,
	"IncompleteSignature": 400, "InvalidSignatureMethod": 400, "SignatureNonceUsed": 400, "InvalidTimeStamp.Format": 400,
	"InvalidTimeStamp.Expired": 400, "UnsupportedHTTPMethod": 400, "Throttling.Api": 400, "Throttling": 400, "Forbidden.RAM": 403,
	"InvalidSecurityToken.Expired": 400, "InvalidSecurityToken.Malformed": 400, "InvalidSecurityToken.MismatchWithAccessKey": 400,
}

func p(params ...string) []string { return params }

// matches are search expressions that must find the video v and not w, by what
// they show of the grammar.
var matches = map[string]string{
	"VideoId =": "VideoId='v'", "VideoId in": "VideoId in ('v','x')", "Title =": "Title='ONE'", "Title in": `Title in ("one","x")`,
	"Tags =": "Tags='a'", "Description =": "Description='about'", "Description in": "Description in ('about it')", "CateId =": "CateId=" + sports,
	"AppId in": "AppId in ('app-1000000') and VideoId='v'", "StorageLocation =": "", "Status in": "Status in ('Normal') and Tags='a'", "MediaSource in": "MediaSource in ('general') and Tags='a'",
	"PreprocessStatus in": "PreprocessStatus in ('UnPreprocess') and Tags='a'", "Size range": "Size=[1000,2000)", "Duration range": "Duration=(,60]  and Size=[1,)",
	"CreationTime range": "CreationTime=['2026-02-01T00:00:00Z','2026-02-02T00:00:00Z') and Status in ('Normal')", "ModificationTime range": "ModificationTime=('2026-02-20T00:00:00Z','2026-02-25T00:00:00Z']",
	"and": "Tags='b' AND Title='one'", "or in parentheses": "(Title='one' or Title='nobody')", "nested parentheses": "((Tags='a' and Status='Normal') or Title='nobody')",
}

func vodCases(t *testing.T, f *face) []vodCase {
	bucket := f.VOD.Bucket() + ".oss-cn-shanghai.aliyuncs.com"
	cases := []vodCase{
		// Uploads.
		{op: "CreateUploadVideo", in: p("Title", "new", "FileName", "a.mp4"), shows: p("Title", "FileName"), then: p("VideoId", "UploadAddress", "UploadAuth")},
		{op: "CreateUploadVideo", in: p("Title", "new", "FileName", "a.exe"), want: "400 InvalidFileName.Extension"},
		{op: "CreateUploadVideo", in: p("Title", "😀", "FileName", "a.mp4"), want: "400 IllegalCharacters"},
		{op: "CreateUploadVideo", in: p("Title", strings.Repeat("x", 129), "FileName", "a.mp4"), want: "400 LengthExceededMax"},
		{op: "CreateUploadVideo", in: p("Title", "t", "FileName", "a.mp4", "Tags", strings.Repeat("t,", 16)+"t"), want: "400 TagsExceededMax"},
		{op: "CreateUploadVideo", in: p("Title", "t", "FileName", "a.mp4", "TemplateGroupId", "none"), want: "404 InvalidTemplateGroupId.NotFound"},
		{op: "CreateUploadVideo", in: p("Title", "t", "FileName", "a.mp4", "StorageLocation", "none"), want: "404 InvalidStorage.NotFound"},
		{op: "CreateUploadVideo", in: p("Title", "t", "FileName", "a.mp4", "StorageLocation", bucket), shows: p("StorageLocation")},
		{op: "CreateUploadVideo", in: p("Title", "t", "FileName", "a.mp4", "AppId", "app-2"), want: "403 Forbidden", as: "one-app", shows: p("AppId")},
		{op: "RefreshUploadVideo", in: p("VideoId", "up"), shows: p("VideoId"), then: p("VideoId=up", "UploadAddress", "UploadAuth")},
		{op: "RefreshUploadVideo", in: p("VideoId", "none"), want: "404 InvalidVideo.NotFound"},
		{op: "RefreshUploadVideo", in: p("VideoId", "lost"), want: "400 InvalidVideo.Damaged"},
		{op: "CreateUploadImage", in: p("ImageType", "cover", "ImageExt", "jpg"), shows: p("ImageType", "ImageExt"), then: p("ImageId", "ImageURL", "FileURL", "UploadAddress", "UploadAuth")},
		{op: "CreateUploadImage", in: p("ImageType", "cover", "StorageLocation", "none"), want: "404 InvalidStorage.NotFound", shows: p("StorageLocation")},
		{op: "CreateUploadImage", in: p("ImageType", "cover", "AppId", "app-2"), want: "403 Forbidden", as: "one-app", shows: p("AppId")},

		// Reads.
		{op: "GetVideoInfo", in: p("VideoId", "v"), shows: p("VideoId"), then: p("Video.Title=one", "Video.Tags=a,b", "Video.CateName=Sports", "Video.Snapshots.Snapshot.#=3", "Video.Size=1000", "Video.StorageClass=Standard")},
		{op: "GetVideoInfo", in: p("VideoId", "none"), want: "404 InvalidVideo.NotFound"},
		{op: "GetVideoInfos", in: p("VideoIds", "v,none,w"), shows: p("VideoIds"), then: p("VideoList.#=2", "VideoList.0.Snapshots.#=3", "NonExistVideoIds.0=none")},
		{op: "GetVideoInfos", in: p("VideoIds", "none"), want: "404 InvalidVideo.NotFound"},
		{op: "BatchGetMediaInfos", in: p("MediaIds", "v,none,theirs"), as: "one-app", shows: p("MediaIds"),
			then: p("MediaInfos.#=1", "MediaInfos.0.MediaInfo.Title=one", "MediaInfos.0.MezzanineInfo.FileName=v.mp4", "MediaInfos.0.PlayInfoList.#=5", "NonExistMediaIds.0=none", "ForbiddenMediaIds.0=theirs")},
		{op: "GetMezzanineInfo", in: p("VideoId", "v"), shows: p("VideoId"), then: p("Mezzanine.Status=Normal", "Mezzanine.OutputType=cdn", "Mezzanine.Duration=60", "!Mezzanine.VideoStreamList")},
		{op: "GetMezzanineInfo", in: p("VideoId", "v", "AdditionType", "video,audio", "OutputType", "oss"), shows: p("AdditionType", "OutputType"),
			then: p("Mezzanine.OutputType=oss", "Mezzanine.VideoStreamList.0.CodecName=h264", "Mezzanine.AudioStreamList.0.CodecName=aac")},
		{op: "GetMezzanineInfo", in: p("VideoId", "v", "OutputType", "oss", "AuthTimeout", "60"), shows: p("AuthTimeout"), then: p("Mezzanine.FileURL")}, // that it ends: fakevod's own tests
		{op: "GetPlayInfo", in: p("VideoId", "v", "AuthTimeout", "60"), shows: p("AuthTimeout"), then: p("PlayInfoList.PlayInfo.0.PlayURL")},
		{op: "GetImageInfo", in: p("ImageId", "i", "OutputType", "oss", "AuthTimeout", "60"), shows: p("AuthTimeout", "OutputType"), then: p("ImageInfo.URL")},
		{op: "GetImageInfos", in: p("ImageIds", "i", "OutputType", "oss", "AuthTimeout", "60"), shows: p("AuthTimeout", "OutputType"), then: p("ImageInfo.0.URL")},
		{op: "ListSnapshots", in: p("VideoId", "v", "AuthTimeout", "3600"), shows: p("AuthTimeout"), then: p("MediaSnapshot.Snapshots.Snapshot.0.Url")},
		{op: "GetMezzanineInfo", in: p("VideoId", "none"), want: "404 InvalidVideo.NotFound"},
		{op: "GetMezzanineInfo", in: p("VideoId", "lost"), want: "404 InvalidFile.NotFound"},
		{op: "GetPlayInfo", in: p("VideoId", "v"), shows: p("VideoId"), then: p("VideoBase.Title=one", "VideoBase.OutputType=oss", "PlayInfoList.PlayInfo.#=3", "PlayInfoList.PlayInfo.0.JobId=j-ld")},
		{op: "GetPlayInfo", in: p("VideoId", "v", "ResultType", "Multiple"), shows: p("ResultType"), then: p("PlayInfoList.PlayInfo.#=5", "PlayInfoList.PlayInfo.2.Status=Invisible", "PlayInfoList.PlayInfo.3.Encrypt=1")},
		{op: "GetPlayInfo", in: p("VideoId", "v", "Formats", "mp3"), shows: p("Formats"), then: p("PlayInfoList.PlayInfo.#=1")},
		{op: "GetPlayInfo", in: p("VideoId", "v", "Definition", "SD,LD"), shows: p("Definition"), then: p("PlayInfoList.PlayInfo.#=2")},
		{op: "GetPlayInfo", in: p("VideoId", "v", "StreamType", "audio"), shows: p("StreamType"), then: p("PlayInfoList.PlayInfo.#=1")},
		{op: "GetPlayInfo", in: p("VideoId", "v", "OutputType", "cdn"), shows: p("OutputType"), then: p("VideoBase.OutputType=cdn")},
		{op: "GetPlayInfo", in: p("VideoId", "none"), want: "404 InvalidVideo.NotFound"},
		{op: "GetPlayInfo", in: p("VideoId", "up"), want: "403 Forbidden.IllegalStatus"},
		{op: "GetPlayInfo", in: p("VideoId", "v", "Formats", "flv"), want: "404 InvalidVideo.NoneStream"},
		{op: "GetPlayInfo", in: p("VideoId", "enc"), want: "403 Forbidden.AliyunVoDEncryption"},
		{op: "GetImageInfo", in: p("ImageId", "i"), shows: p("ImageId"), then: p("ImageInfo.Title=picture", "ImageInfo.Mezzanine.Width=4", "ImageInfo.Mezzanine.FileSize=9", "ImageInfo.URL")},
		{op: "GetImageInfo", in: p("ImageId", "none"), want: "404 NoSuchResource"},
		{op: "GetImageInfos", in: p("ImageIds", "i,none,i2"), shows: p("ImageIds"), then: p("ImageInfo.#=2", "NonExistImageIds.0=none")},
		{op: "ListSnapshots", in: p("VideoId", "v"), shows: p("VideoId"), then: p("MediaSnapshot.Total=3", "MediaSnapshot.Snapshots.Snapshot.0.Url")},
		{op: "ListSnapshots", in: p("VideoId", "v", "SnapshotType", "NormalSnapshot"), shows: p("SnapshotType"), then: p("MediaSnapshot.Total=25", "MediaSnapshot.JobId=s-normal", "MediaSnapshot.Snapshots.Snapshot.#=20")},
		{op: "ListSnapshots", in: p("VideoId", "v", "SnapshotType", "NormalSnapshot", "PageNo", "3", "PageSize", "12"), shows: p("PageNo", "PageSize"), then: p("MediaSnapshot.Snapshots.Snapshot.#=1", "MediaSnapshot.Snapshots.Snapshot.0.Index=25")},
		{op: "ListSnapshots", in: p("VideoId", "none"), want: "404 InvalidVideo.NotFound"},
		{op: "ListSnapshots", in: p("VideoId", "w"), want: "404 NoSuchResource"},
		{op: "ListSnapshots", in: p("VideoId", "up"), want: "400 Forbidden.IllegalStatus"},
		{op: "GetAIVideoTagResult", in: p("MediaId", "v"), shows: p("MediaId"), then: p("VideoTagResult.Category.0.Tag=sport")},

		// Updates.
		{op: "UpdateVideoInfo", in: p("VideoId", "v", "Title", "new"), shows: p("VideoId", "Title"), then: p("@v.Title=new", "@v.Tags=a,b")},
		{op: "UpdateVideoInfo", in: p("VideoId", "v", "Tags", "x"), shows: p("Tags"), then: p("@v.Title=one", "@v.Tags=x")},
		{op: "UpdateVideoInfo", in: p("VideoId", "v", "Description", "d", "CoverURL", "http://c/2", "CateId", judo, "UserData", "{}"), shows: p("Description", "CoverURL", "CateId", "UserData"),
			then: p("@v.Description=d", "@v.CoverURL=http://c/2", "@v.CateID="+judo, "@v.UserData={}")},
		{op: "UpdateVideoInfo", in: p("VideoId", "none", "Title", "new"), want: "404 InvalidVideo.NotFound"},
		{op: "UpdateVideoInfos", in: p("UpdateContent", `[{"VideoId":"v","Title":"n","Description":"d","Tags":"x","CoverURL":"http://c/2","CateId":`+judo+`},{"VideoId":"none"},{"VideoId":"theirs"}]`), as: "one-app",
			shows: p("UpdateContent", "UpdateContent[].VideoId", "UpdateContent[].Title", "UpdateContent[].Description", "UpdateContent[].Tags", "UpdateContent[].CoverURL", "UpdateContent[].CateId"),
			then:  p("NonExistVideoIds.0=none", "ForbiddenVideoIds.0=theirs", "@v.Title=n", "@v.Description=d", "@v.Tags=x", "@v.CoverURL=http://c/2", "@v.CateID="+judo)},
		{op: "UpdateVideoInfos", in: p("UpdateContent", "["+strings.Repeat(`{"VideoId":"v"},`, 20)+`{"VideoId":"v"}]`), want: "400 CountExceededMax"},
		{op: "UpdateImageInfos", in: p("UpdateContent", `[{"ImageId":"i","Title":"n","Description":"d","Tags":"x","CateId":`+judo+`},{"ImageId":"none"}]`),
			shows: p("UpdateContent", "UpdateContent[].ImageId", "UpdateContent[].Title", "UpdateContent[].Description", "UpdateContent[].Tags", "UpdateContent[].CateId"),
			then:  p("NonExistImageIds.ImageId.0=none", "@i.Title=n", "@i.Description=d", "@i.Tags=x", "@i.CateID="+judo)},
		{op: "UpdateImageInfos", in: p("UpdateContent", `[{"ImageId":"i","Tags":"😀"}]`), want: "400 IllegalCharacters", limit: "no emoji"},

		// Deletions.
		{op: "DeleteStream", in: p("VideoId", "v", "JobIds", "j-ld,j-old"), shows: p("VideoId", "JobIds"), then: p("@v.Streams.#=3")},
		{op: "DeleteStream", in: p("VideoId", "v", "JobIds", strings.Join(numbered(21), ",")), want: "400 JobIdsExceededMax"},
		{op: "DeleteStream", in: p("VideoId", "none", "JobIds", "j"), want: "404 InvalidVideo.NotFound"},
		{op: "DeleteStream", in: p("VideoId", "v", "JobIds", "none"), want: "404 InvalidStream.NotFound"},
		{op: "DeleteMezzanines", in: p("VideoIds", "v,none,nt"), shows: p("VideoIds"), then: p("NonExistVideoIds.0=none", "UnRemoveableVideoIds.0=nt", "@v.Source.Status=Deleted", "@nt.Source.Status=Normal")},
		{op: "DeleteMezzanines", in: p("VideoIds", "nt", "Force", "true"), shows: p("Force"), then: p("@nt.Source.Status=Deleted")},
		{op: "DeleteVideo", in: p("VideoIds", "v,none,theirs"), as: "one-app", shows: p("VideoIds"), then: p("NonExistVideoIds.0=none", "ForbiddenVideoIds.0=theirs", "@!v", "@theirs")},
		{op: "DeleteVideo", in: p("VideoIds", strings.Join(numbered(21), ",")), want: "400 VideoIdsExceededMax"},
		{op: "DeleteVideo", in: p("VideoIds", "none"), want: "404 InvalidVideo.NotFound"},
		{op: "DeleteImage", in: p("DeleteImageType", "ImageId", "ImageIds", "i"), shows: p("DeleteImageType", "ImageIds"), then: p("@!i", "@i2")},
		{op: "DeleteImage", in: p("DeleteImageType", "ImageURL", "ImageURLs", url.QueryEscape("http://"+bucket+"/image/i.jpg")+","+url.QueryEscape("http://"+bucket+"/image/i2.jpg")), shows: p("ImageURLs"), then: p("@!i", "@!i2")},
		{op: "DeleteImage", in: p("DeleteImageType", "VideoId", "VideoId", "v", "ImageType", "CoverSnapshot,SpriteSnapshot"), shows: p("VideoId", "ImageType"), then: p("@v.Snapshots.#=3")},
		{op: "DeleteImage", in: p("DeleteImageType", "VideoId", "VideoId", "v", "ImageType", "All"), then: p("@v.Snapshots.#=1")},
		{op: "DeleteImage", in: p("DeleteImageType", "VideoId", "VideoId", "v", "ImageType", "All,CoverSnapshot"), want: "400 InvalidParameter", limit: "ImageType All alone"},
		{op: "DeleteImage", in: p("DeleteImageType", "ImageId", "ImageIds", "none"), want: "404 NoSuchResource"},

		// Searches and lists.
		{op: "SearchMedia", in: p("PageSize", "2", "PageNo", "2", "SortBy", "CreationTime:Asc"), shows: p("PageSize", "PageNo", "SortBy"), then: p("MediaList.#=2", "MediaList.0.MediaId=enc", "ScrollToken")},
		{op: "SearchMedia", in: p("SortBy", "ModificationTime:Desc", "Match", "Size=[1,)"), then: p("MediaList.0.MediaId=v")},
		{op: "SearchMedia", in: p("SearchType", "audio", "Fields", "Title"), shows: p("SearchType", "Fields"), then: p("MediaList.#=1", "MediaList.0.Audio.Title=sound", "!MediaList.0.Audio.Status")},
		{op: "SearchMedia", in: p("SearchType", "image", "Fields", "Title,Mezzanine", "Match", "Tags='p'"), then: p("MediaList.#=1", "MediaList.0.Image.Mezzanine.Width=4", "!ScrollToken")},
		{op: "SearchMedia", in: p("Match", "Title=one"), want: "400 ErrorMatchSyntax"},
		{op: "SearchMedia", in: p("ScrollToken", strings.Repeat("x", 32)), want: "400 InvalidScrollToken.Expired"},
		{op: "SearchMedia", in: p("ScrollToken", "x", "SortBy", "CreationTime:Asc,ModificationTime:Asc"), want: "400 SortByExceededMax", limit: "SortBy ≤ 1 field with a ScrollToken"},
		{op: "SearchMedia", in: p("SortBy", "CreationTime:Asc,ModificationTime:Asc,CreationTime:Desc"), then: p("MediaList")},
		{op: "SearchMedia", in: p("SortBy", "CreationTime:Asc,ModificationTime:Asc,CreationTime:Desc,ModificationTime:Asc"), want: "400 InvalidParameter", limit: "SortBy ≤ 3 fields"},
		{op: "SearchMedia", in: p("PageNo", "50", "PageSize", "100")},
		{op: "SearchMedia", in: p("PageNo", "51", "PageSize", "100"), want: "400 InvalidParameter", limit: "5,000 records without a ScrollToken"},
		{op: "SearchMedia", in: p("Match", fmt.Sprintf("VideoId in ('%s')", strings.Join(numbered(100), "','")))},
		{op: "SearchMedia", in: p("Match", fmt.Sprintf("VideoId in ('%s')", strings.Join(numbered(101), "','"))), want: "400 ErrorMatchSyntax", limit: "VideoId in ≤ 100 values"},
		{op: "GetVideoList", in: p("PageSize", "2", "PageNo", "2", "SortBy", "CreationTime:Asc"), shows: p("PageSize", "PageNo", "SortBy"), then: p("VideoList.Video.#=2", "VideoList.Video.0.VideoId=sound")},
		{op: "GetVideoList", in: p("Status", "TranscodeFail,Blocked"), shows: p("Status"), then: p("Total=2")}, // with one that chains registers,
		{op: "GetVideoList", in: p("CateId", sports), shows: p("CateId"), then: p("Total=1", "VideoList.Video.0.Snapshots.Snapshot.#=3")},
		{op: "GetVideoList", in: p("StorageLocation", "elsewhere"), shows: p("StorageLocation"), then: p("Total=0")},
		{op: "GetVideoList", in: p("StartTime", "2026-02-01T00:00:00Z", "EndTime", "2026-02-02T00:00:00Z"), shows: p("StartTime", "EndTime"), then: p("Total=1", "VideoList.Video.0.VideoId=w")},
		{op: "GetVideoList", in: p("StartTime", "2026-02-02T00:00:00Z", "EndTime", "2026-02-01T00:00:00Z"), want: "400 InvalidParameter", limit: "EndTime after StartTime"},
		{op: "GetVideoList", in: p("PageNo", "50", "PageSize", "100")},
		{op: "GetVideoList", in: p("PageNo", "51", "PageSize", "100"), want: "400 VideoListExceededMax", limit: "5,000 records"},

		// Callbacks.
		{op: "SetMessageCallback", in: p("CallbackType", "MNS", "MnsEndpoint", "http://1.mns.cn-shanghai.aliyuncs.com/", "MnsQueueName", "q", "EventTypeList", "FileUploadComplete", "AppId", "app-2"),
			shows: p("CallbackType", "MnsEndpoint", "MnsQueueName", "EventTypeList", "AppId")},
		{op: "SetMessageCallback", in: p("CallbackURL", "http://h/", "AuthSwitch", "on", "AuthKey", "weak"), want: "400 InvalidParameter", limit: "AuthKey of upper, lower and digit"},
		{op: "SetMessageCallback", in: p("CallbackURL", "http://h/", "AuthSwitch", "on", "AuthKey", "Abc12345", "EventTypeList", "ALL"), after: p("GetMessageCallback"), shows: p("CallbackURL", "AuthSwitch", "AuthKey"),
			then: p("MessageCallback.CallbackURL=http://h/", "MessageCallback.AuthSwitch=on", "MessageCallback.AuthKey=Abc12345")},
		{op: "GetMessageCallback", before: [][]string{p("SetMessageCallback", "CallbackURL", "http://h/", "AuthSwitch", "on", "AuthKey", "Abc12345", "EventTypeList", "ALL", "AppId", "app-2")}, in: p("AppId", "app-2"), shows: p("AppId"),
			then: p("MessageCallback.CallbackURL=http://h/", "MessageCallback.AuthSwitch=on", "MessageCallback.AuthKey=Abc12345", "MessageCallback.EventTypeList=ALL", "MessageCallback.AppId=app-2")},
		{op: "DeleteMessageCallback", in: p("AppId", "app-2"), shows: p("AppId")},
		{op: "GetMessageCallback", before: [][]string{p("SetMessageCallback", "CallbackType", "MNS", "MnsEndpoint", "http://1.mns.cn-shanghai.aliyuncs.com/", "MnsQueueName", "q", "EventTypeList", "FileUploadComplete,AIComplete")}, in: p(),
			then: p("MessageCallback.CallbackType=MNS", "MessageCallback.MnsEndpoint=http://1.mns.cn-shanghai.aliyuncs.com/", "MessageCallback.MnsQueueName=q", "MessageCallback.CallbackURL=", "MessageCallback.EventTypeList=FileUploadComplete,AIComplete", "MessageCallback.AppId=app-1000000")},
		{op: "GetMessageCallback", before: [][]string{p("SetMessageCallback", "CallbackURL", "http://h/")}, in: p(), then: p("MessageCallback.CallbackType=HTTP", "MessageCallback.AuthSwitch=off", "MessageCallback.EventTypeList=")},
		{op: "GetMessageCallback", before: [][]string{p("SetMessageCallback", "CallbackURL", "http://h/"), p("DeleteMessageCallback")}, in: p(), then: p("MessageCallback.CallbackURL=", "MessageCallback.AppId=app-1000000")},

		// Categories.
		{op: "GetCategories", in: p("CateId", sports), shows: p("CateId"), then: p("Category.CateName=Sports", "SubTotal=1", "SubCategories.Category.0.CateName=Judo", "SubCategories.Category.0.Level=1")},
		{op: "GetCategories", in: p("CateId", "5"), want: "404 InvalidCateId.NotFound"},
		{op: "GetCategories", in: p("Type", "material"), shows: p("Type"), then: p("SubTotal=0")},
		{op: "GetCategories", before: [][]string{p("AddCategory", "CateName", "x")}, in: p("PageNo", "2", "PageSize", "1", "SortBy", "CreationTime:Asc"), shows: p("PageNo", "PageSize", "SortBy"), then: p("SubTotal=2", "SubCategories.Category.#=1", "SubCategories.Category.0.CateName=x")},
		{op: "AddCategory", in: p("CateName", "x", "ParentId", judo), shows: p("CateName", "ParentId"), then: p("Category.CateName=x", "Category.ParentId="+judo, "Category.Level=2")},
		{op: "AddCategory", in: p("CateName", "x", "Type", "material"), shows: p("Type"), then: p("Category.Type=material")},
		{op: "AddCategory", in: p("CateName", "x", "ParentId", "5"), want: "404 InvalidCateId.NotFound"},
		{op: "AddCategory", before: [][]string{p("AddCategory", "CateName", "third", "ParentId", judo)}, in: p("CateName", "x", "ParentId", "1000000003"), want: "400 LevelExceededMax", limit: "3 levels"},
		{op: "AddCategory", before: hundred(), in: p("CateName", "x", "ParentId", judo), want: "400 SubTotalExceededMax", limit: "100 categories below one"},
		{op: "UpdateCategory", in: p("CateId", sports, "CateName", "x"), shows: p("CateId", "CateName")},
		{op: "UpdateCategory", in: p("CateId", "5", "CateName", "x"), want: "404 InvalidCateId.NotFound"},
		{op: "GetCategories", before: [][]string{p("UpdateCategory", "CateId", sports, "CateName", "x")}, in: p("CateId", sports), then: p("Category.CateName=x")},
		{op: "DeleteCategory", in: p("CateId", sports), shows: p("CateId")},
		{op: "DeleteCategory", in: p("CateId", "5"), want: "404 InvalidCateId.NotFound"},
		{op: "GetCategories", before: [][]string{p("DeleteCategory", "CateId", sports)}, in: p("CateId", judo), want: "404 InvalidCateId.NotFound"},

		{op: "SubmitSnapshotJob", in: p("VideoId", "v", "SpecifiedOffsetTime", "30000", "Interval", "10", "Count", "9"), shows: p("VideoId", "SpecifiedOffsetTime", "Interval"),
			after: p("ListSnapshots", "VideoId", "v", "SnapshotType", "NormalSnapshot"), then: p("MediaSnapshot.Total=4", "@v.Snapshots.#=6")},
		{op: "SubmitSnapshotJob", in: p("VideoId", "v", "Count", "2", "UserData", `{"Extend":"y"}`), shows: p("Count", "UserData"), then: p("SnapshotJob.JobId", "@v.Snapshots.0.Count=2", `@v.UserData={"Extend":"x"}`)},
		{op: "SubmitSnapshotJob", in: p("VideoId", "none"), want: "404 InvalidVideo.NotFound"},
		{op: "SubmitSnapshotJob", in: p("VideoId", "up"), want: "400 Forbidden.IllegalStatus"},
		{op: "SubmitSnapshotJob", in: p("VideoId", "lost"), want: "404 NoSuchResource"},

		// Verdicts and applications.
		{op: "CreateAudit", in: p("AuditContent", `[{"VideoId":"v","Status":"Blocked","Reason":"r","Comment":"c"},{"VideoId":"w","Status":"Normal"}]`), shows: p("AuditContent"),
			then: p("@v.Status=Blocked", "@w.Status=Normal"), limit: "Status: Blocked|Normal"},
		{op: "CreateAudit", before: [][]string{p("CreateAudit", "AuditContent", `[{"VideoId":"v","Status":"Blocked"}]`)}, in: p("AuditContent", `[{"VideoId":"v","Status":"Normal"}]`), then: p("@v.Status=Normal")},
		{op: "CreateAudit", in: p("AuditContent", `[{"VideoId":"v","Status":"Blocked"},{"VideoId":"none","Status":"Blocked"}]`), want: "404 InvalidVideo.NotFound"},
		{op: "CreateAudit", in: p("AuditContent", `[{"VideoId":"v","Status":"Blocked","Reason":"`+strings.Repeat("x", 129)+`"}]`), want: "400 LengthExceededMax", limit: "Reason ≤ 128 bytes"},
		{op: "CreateAudit", in: p("AuditContent", `[{"VideoId":"v","Status":"Blocked","Comment":"`+strings.Repeat("x", 513)+`"}]`), want: "400 LengthExceededMax", limit: "Comment ≤ 512 bytes"},
		{op: "CreateAudit", in: p("AuditContent", "["+strings.Repeat(`{"VideoId":"v","Status":"Blocked"},`, 100)+`{"VideoId":"v","Status":"Normal"}]`), want: "400 InvalidParameter", limit: "AuditContent ≤ 100 entries"},
		{op: "GetAuditHistory", before: [][]string{p("CreateAudit", "AuditContent", `[{"VideoId":"v","Status":"Blocked","Reason":"r","Comment":"c"},{"VideoId":"v","Status":"Normal"}]`)},
			in: p("VideoId", "v", "SortBy", "CreationTime:Asc", "PageSize", "1"), shows: p("VideoId", "SortBy", "PageSize"),
			then: p("Status=Normal", "Total=2", "Histories.#=1", "Histories.0.Status=Blocked", "Histories.0.Reason=r", "Histories.0.Comment=c")},
		{op: "GetAuditHistory", before: [][]string{p("CreateAudit", "AuditContent", `[{"VideoId":"v","Status":"Blocked"},{"VideoId":"v","Status":"Normal"}]`)},
			in: p("VideoId", "v", "PageNo", "2", "PageSize", "1"), shows: p("PageNo"), then: p("Histories.0.Status=Blocked")},
		{op: "GetAuditHistory", in: p("VideoId", "none"), want: "404 InvalidVideo.NotFound"},
		{op: "MoveAppResource", in: p("ResourceType", "video", "ResourceIds", "v,none,i", "TargetAppId", "app-2"), shows: p("ResourceType", "ResourceIds", "TargetAppId"),
			then: p("NonExistResourceIds.#=2", "@v.AppID=app-2")},
		{op: "MoveAppResource", in: p("ResourceType", "video", "ResourceIds", "theirs", "TargetAppId", "app-3"), as: "one-app", then: p("FailedResourceIds.0=theirs", "@theirs.AppID=app-2")},

		// Jobs.
		{op: "SubmitAIJob", in: p("MediaId", "v", "Types", "AIVideoTag,AIMediaDNA", "UserData", `{"Extend":"y"}`), shows: p("MediaId", "Types", "UserData"),
			then: p("AIJobList.AIJob.#=2", "AIJobList.AIJob.0.Type=AIVideoTag", "AIJobList.AIJob.1.MediaId=v", "@v.AITags.Keyword.0.Tag=boat", `@v.UserData={"Extend":"x"}`)},
		{op: "GetAIVideoTagResult", before: [][]string{p("SubmitAIJob", "MediaId", "v")}, in: p("MediaId", "v"), then: p("VideoTagResult.Keyword.0.Tag=boat", "!VideoTagResult.Category")},
		{op: "SubmitAIJob", in: p("MediaId", "none"), want: "404 InvalidVideo.NotFound"},
		{op: "ListAIJob", in: p("JobIds", "ai-tag,none"), shows: p("JobIds"), then: p("AIJobList.AIJob.#=1", `AIJobList.AIJob.0.Data={"Category":[{"Tag":"sport"}]}`, "AIJobList.AIJob.0.Status=success", "NonExistAIJobIds.String.0=none")},
		{op: "SubmitAIMediaAuditJob", in: p("MediaId", "v", "MediaType", "video", "UserData", "{}"), shows: p("MediaId", "MediaType", "UserData"), then: p("JobId", "MediaId=v", "@v.Jobs.Review.Suggestion=review", `@v.UserData={"Extend":"x"}`)},
		{op: "GetMediaAuditResult", before: [][]string{p("SubmitAIMediaAuditJob", "MediaId", "v")}, in: p("MediaId", "v"), shows: p("MediaId"), then: p("MediaAuditResult.Suggestion=review", "MediaAuditResult.VideoResult.Label=ad")},
		{op: "GetMediaAuditResult", in: p("MediaId", "v"), then: p("MediaAuditResult", "!MediaAuditResult.Suggestion")},
		{op: "GetMediaAuditResult", in: p("MediaId", "i"), then: p("MediaAuditResult")},
		{op: "GetMediaAuditResult", in: p("MediaId", "none"), want: "404 InvalidVideo.NotFound"},
		{op: "GetMediaAuditResult", before: [][]string{p("SubmitAIMediaAuditJob", "MediaId", "w")}, in: p("MediaId", "w"), then: p("MediaAuditResult.Suggestion=pass", "MediaAuditResult.Label=normal")},
		{op: "GetMediaAuditResultDetail", before: [][]string{p("SubmitAIMediaAuditJob", "MediaId", "v")}, in: p("MediaId", "v", "PageNo", "1"), shows: p("MediaId", "PageNo"),
			then: p("MediaAuditResultDetail.Total=1", "MediaAuditResultDetail.List.0.AdLabel=ad", "MediaAuditResultDetail.List.0.Timestamp=100")},
		{op: "GetMediaAuditResultDetail", in: p("MediaId", "v", "PageNo", "1"), then: p("MediaAuditResultDetail.Total=0", "MediaAuditResultDetail.List.#=0")},
		{op: "GetMediaAuditResultDetail", in: p("MediaId", "none", "PageNo", "1"), want: "404 InvalidVideo.NotFound"},
		{op: "GetTranscodeSummary", in: p("VideoIds", "v,none"), shows: p("VideoIds"), then: p("TranscodeSummaryList.#=1", "TranscodeSummaryList.0.VideoId=v", "TranscodeSummaryList.0.TranscodeStatus=CompleteAllSucc",
			"TranscodeSummaryList.0.TranscodeJobInfoSummaryList.#=2", "TranscodeSummaryList.0.TranscodeJobInfoSummaryList.0.Height=240", "NonExistVideoIds.0=none")},
		{op: "GetTranscodeSummary", in: p("VideoIds", strings.Join(numbered(11), ",")), want: "400 VideoIdsExceededMax", limit: "VideoIds ≤ 10 entries"},
		{op: "GetAIMediaAuditJob", in: p("JobId", "ai-audit"), shows: p("JobId"), then: p("MediaAuditJob.Data.Suggestion=pass", "MediaAuditJob.MediaId=v")},
		{op: "GetAIMediaAuditJob", in: p("JobId", "none"), want: "404 NoSuchResource"},
		{op: "SubmitTranscodeJobs", in: p("VideoId", "v", "TemplateGroupId", fakevod.DefaultTemplate, "Priority", "10", "UserData", "{}"), shows: p("VideoId", "TemplateGroupId", "Priority", "UserData"),
			then: p("TranscodeTaskId", "TranscodeJobs.TranscodeJob.#=2", "@v.Streams.0.Invisible=true", "@v.Streams.#=7", "@v.Jobs.Tasks.#=2", `@v.UserData={"Extend":"x"}`)},
		{op: "SubmitTranscodeJobs", in: p("VideoId", "none", "TemplateGroupId", fakevod.DefaultTemplate), want: "404 InvalidVideo.NotFound"},
		{op: "SubmitTranscodeJobs", in: p("VideoId", "v", "TemplateGroupId", "none"), want: "404 NoSuchResource"},
		{op: "SubmitTranscodeJobs", in: p("VideoId", "up", "TemplateGroupId", fakevod.DefaultTemplate), want: "400 Forbidden.IllegalStatus"},
		{op: "GetTranscodeTask", in: p("TranscodeTaskId", "t-1"), shows: p("TranscodeTaskId"), then: p("TranscodeTask.VideoId=v", "TranscodeTask.TranscodeJobInfoList.#=2", "TranscodeTask.TranscodeJobInfoList.0.OutputFile.Height=240")},
		{op: "GetTranscodeTask", in: p("JobIds", "j-sd,none"), shows: p("JobIds"), then: p("TranscodeJobInfoList.#=1", "TranscodeJobInfoList.0.Definition=SD", "NonExistJobIds.0=none")},
		{op: "GetTranscodeTask", in: p("TranscodeTaskId", "none"), want: "404 NoSuchResource"},
		{op: "GetTranscodeTask", in: p(), want: "400 MissingParameter"},
		{op: "ListTranscodeTask", before: [][]string{p("SubmitTranscodeJobs", "VideoId", "v", "TemplateGroupId", fakevod.DefaultTemplate)}, in: p("VideoId", "v", "PageNo", "2", "PageSize", "1"), shows: p("VideoId", "PageNo", "PageSize"),
			then: p("TranscodeTaskList.#=1", "TranscodeTaskList.0.TranscodeTaskId=t-1", "TranscodeTaskList.0.Trigger=Upload")},
		{op: "ListTranscodeTask", in: p("VideoId", "v", "StartTime", "2026-02-01T00:00:01Z"), shows: p("StartTime"), then: p("TranscodeTaskList.#=0")},
		{op: "ListTranscodeTask", in: p("VideoId", "v", "EndTime", "2026-02-01T00:00:00Z"), shows: p("EndTime"), then: p("TranscodeTaskList.#=0")},
		{op: "RegisterMedia", in: p("RegisterMetadatas", `[{"FileURL":"http://`+bucket+`/none.mp4","Title":"t"}]`, "TemplateGroupId", fakevod.NoTranscode), then: p("RegisteredMediaList.#=0", "FailedFileURLs.0=http://"+bucket+"/none.mp4")},
		{op: "RegisterMedia", in: p("RegisterMetadatas", "["+strings.Repeat(`{"FileURL":"http://h/"},`, 10)+`{"FileURL":"http://h/"}]`, "TemplateGroupId", fakevod.NoTranscode), want: "400 InvalidParameter", limit: "RegisterMetadatas ≤ 10 entries"},

		// Attached media.
		{op: "CreateUploadAttachedMedia", in: p("BusinessType", "material", "MediaExt", "zip", "FileName", "a.png", "FileSize", "5", "Title", "t", "Description", "d", "Tags", "x,y", "CateIds", sports+","+judo, "UserData", "{}"),
			then: p("MediaId", "MediaURL", "FileURL", "UploadAddress", "UploadAuth")},
		{op: "CreateUploadAttachedMedia", in: p("BusinessType", "subtitle", "MediaExt", "png"), want: "400 InvalidParameter", limit: "MediaExt by BusinessType"},
		{op: "CreateUploadAttachedMedia", in: p("BusinessType", "subtitle", "CateIds", "1,2,3,4,5,6"), want: "400 CateIdsExceededMax", limit: "CateIds ≤ 5 entries"},
		{op: "CreateUploadAttachedMedia", in: p("BusinessType", "watermark", "StorageLocation", "none"), want: "404 InvalidStorage.NotFound", shows: p("StorageLocation")},
		{op: "CreateUploadAttachedMedia", in: p("BusinessType", "watermark", "AppId", "app-2"), want: "403 Forbidden", as: "one-app", shows: p("AppId")},
		{op: "GetAttachedMediaInfo", in: p("MediaIds", "at,none,v", "OutputType", "oss", "AuthTimeout", "60"), shows: p("MediaIds", "OutputType", "AuthTimeout"), then: p("AttachedMediaList.#=1", "AttachedMediaList.0.BusinessType=watermark",
			"AttachedMediaList.0.Categories.0.CateName=Sports", "AttachedMediaList.0.FileSize=9", "AttachedMediaList.0.URL", "NonExistMediaIds.#=2")},
		{op: "GetAttachedMediaInfo", in: p("MediaIds", strings.Join(numbered(21), ",")), want: "400 ExceededMax"},
		{op: "UpdateAttachedMediaInfos", in: p("UpdateContent", `[{"MediaId":"at","Title":"n","Description":"d","Tags":"x","CateIds":"`+sports+","+judo+`"},{"MediaId":"none"},{"MediaId":"v"}]`),
			shows: p("UpdateContent", "UpdateContent[].MediaId", "UpdateContent[].Title", "UpdateContent[].Description", "UpdateContent[].Tags", "UpdateContent[].CateIds"),
			then:  p("NonExistMediaIds.#=2", "@at.Title=n", "@at.Description=d", "@at.Tags=x", "@at.Picture.CateIDs.#=2", "@v.Title=one")},
		{op: "UpdateAttachedMediaInfos", in: p("UpdateContent", "["+strings.Repeat(`{"MediaId":"at"},`, 20)+`{"MediaId":"at"}]`), want: "400 CountExceededMax"},
		{op: "UpdateAttachedMediaInfos", in: p("UpdateContent", `[{"MediaId":"at","Title":"`+strings.Repeat("x", 129)+`"}]`), want: "400 LengthExceededMax", limit: "UpdateContent[].Title ≤ 128 bytes"},
		{op: "UpdateAttachedMediaInfos", in: p("UpdateContent", `[{"MediaId":"at","Description":"`+strings.Repeat("x", 1025)+`"}]`), want: "400 LengthExceededMax", limit: "UpdateContent[].Description ≤ 1024 bytes"},
		{op: "UpdateAttachedMediaInfos", in: p("UpdateContent", `[{"MediaId":"at","Tags":"`+strings.Join(numbered(17), ",")+`"}]`), want: "400 TagsExceededMax", limit: "UpdateContent[].Tags ≤ 16 entries"},
		{op: "UpdateAttachedMediaInfos", in: p("UpdateContent", `[{"MediaId":"at","Tags":"`+strings.Repeat("x", 33)+`"}]`), want: "400 LengthExceededMax", limit: "UpdateContent[].Tags ≤ 32 bytes each"},
		{op: "DeleteAttachedMedia", in: p("MediaIds", "at,v"), shows: p("MediaIds"), then: p("NonExistMediaIds.0=v", "@!at", "@v")},
		{op: "GetVideoInfo", in: p("VideoId", "at"), want: "404 InvalidVideo.NotFound"},
		{op: "SearchMedia", in: p("SearchType", "attached", "Match", "BusinessType='watermark'", "Fields", "Title,Tags,URL,Ext"), then: p("Total=1", "MediaList.0.AttachedMedia.Title=logo", "MediaList.0.AttachedMedia.Ext=png", "MediaList.0.MediaType=attached")},

		// Plays: those of a day are counted the day after.
		{op: "DescribePlayTopVideos", in: p("BizDate", "2026-02-10T00:00:00Z"), shows: p("BizDate"), then: p("TotalNum=2", "TopPlayVideos.TopPlayVideoStatis.0.VideoId=w", "TopPlayVideos.TopPlayVideoStatis.0.VV=9", "TopPlayVideos.TopPlayVideoStatis.1.Title=one", "TopPlayVideos.TopPlayVideoStatis.1.PlayDuration=90000")},
		{op: "DescribePlayTopVideos", in: p("BizDate", "2026-02-09T17:00:00Z", "PageNo", "2", "PageSize", "1"), shows: p("PageNo", "PageSize"), then: p("TotalNum=2", "TopPlayVideos.TopPlayVideoStatis.0.VideoId=v"), limit: "a day is Beijing's"},
		{op: "DescribePlayTopVideos", in: p("BizDate", "2026-02-09T15:59:59Z"), then: p("TotalNum=0")},
		{op: "DescribePlayTopVideos", in: p("BizDate", "yesterday"), want: "400 InvalidBizDate.Malformed"},
		{op: "DescribePlayTopVideos", in: p("BizDate", "2026-02-10T00:00:00Z", "PageSize", "1001"), want: "400 InvalidParameter", limit: "PageSize ≤ 1000"},
		{op: "DescribePlayVideoStatis", in: p("VideoId", "v", "StartTime", "2026-02-09T17:00:00Z", "EndTime", "2026-02-11T00:00:00Z"), shows: p("VideoId", "StartTime", "EndTime"),
			then: p("VideoPlayStatisDetails.VideoPlayStatisDetail.#=2", "VideoPlayStatisDetails.VideoPlayStatisDetail.0.VV=7", "VideoPlayStatisDetails.VideoPlayStatisDetail.0.UV=3")},
		{op: "DescribePlayVideoStatis", in: p("VideoId", "v", "StartTime", "2025-02-01T00:00:00Z", "EndTime", "2026-02-01T00:00:00Z"), want: "400 InvalidTimeSpan", limit: "180 days"},
		{op: "DescribePlayUserTotal", in: p("StartTime", "2026-02-10T00:00:00Z", "EndTime", "2026-02-10T00:00:00Z"), shows: p("StartTime", "EndTime"), then: p("UserPlayStatisTotals.UserPlayStatisTotal.#=1", "UserPlayStatisTotals.UserPlayStatisTotal.0.VV.HTML5=16")},

		// Storage and caches.
		{op: "UpdateMediaStorageClass", in: p("MediaIds", "v,none", "StorageClass", "Archive"), shows: p("MediaIds", "StorageClass"), then: p("Status=Processing", "ForbiddenList.MediaForbiddenReasonDTO.0.MediaId=none")},
		{op: "UpdateMediaStorageClass", in: p("MediaIds", "v", "StorageClass", "Standard"), then: p("IgnoredList.MediaId.0=v")},
		{op: "UpdateMediaStorageClass", in: p("MediaIds", "v", "StorageClass", "IA", "Scope", "SourceFile"), shows: p("Scope"), then: p("@v.StorageClass=SourceIA")},
		{op: "RestoreMedia", in: p("MediaIds", "cold,v,none"), shows: p("MediaIds"), then: p("Success=true", "IgnoredList.MediaId.0=v", "ForbiddenList.MediaForbiddenReasonDTO.0.MediaId=none")},
		{op: "RestoreMedia", in: p("MediaIds", "cold", "RestoreDays", "7")},
		{op: "RestoreMedia", in: p("MediaIds", "cold", "RestoreDays", "8"), want: "400 InvalidParameter", shows: p("RestoreDays"), limit: "RestoreDays ≤ 7 for Archive"},
		{op: "RestoreMedia", in: p("MediaIds", "v", "RestoreDays", "366"), want: "400 InvalidParameter", limit: "RestoreDays ≤ 365"},
		{op: "RefreshMediaPlayUrls", in: p("MediaIds", "v,none", "TaskType", "Preload"), shows: p("MediaIds", "TaskType"), then: p("NonExistMediaIds=none", "MediaRefreshJobId")},
		{op: "RefreshVodObjectCaches", in: p("ObjectPath", "http://"+library+"/x\nhttp://"+library+"/y"), shows: p("ObjectPath"), then: p("RefreshTaskId")},
		{op: "RefreshVodObjectCaches", in: p("ObjectPath", "http://"+library+"/x", "ObjectType", "Directory"), want: "400 InvalidObjectPath.Malformed", shows: p("ObjectType")},
		{op: "RefreshVodObjectCaches", in: p("ObjectPath", "http://"+library+"/x", "ObjectType", "Else"), want: "400 InvalidObjectType.ValueNotSupported"},
		{op: "RefreshVodObjectCaches", in: p("ObjectPath", "http://theirs.example.com/x"), want: "404 InvalidDomain.NotFound"},
		{op: "RefreshVodObjectCaches", in: p("ObjectPath", strings.TrimSpace(strings.Repeat("http://"+library+"/\n", 101)), "ObjectType", "Directory"), want: "400 QuotaExceeded.Refresh", limit: "100 directories a day"},
		{op: "RefreshVodObjectCaches", in: p("ObjectPath", strings.TrimSpace(strings.Repeat("http://"+library+"/x\n", 2001))), want: "400 QuotaExceeded.Refresh", limit: "2,000 addresses a day"},
	}
	for what, match := range matches {
		if match == "" {
			match = "StorageLocation='" + bucket + "' and Tags='a'"
		}
		cases = append(cases, vodCase{op: "SearchMedia", in: p("Match", match), shows: p("Match", "Match: "+what), then: p("Total=1", "MediaList.0.MediaId=v")})
	}
	for _, field := range strings.Fields(`AppId CateId CateName StorageLocation Title Tags Description Status MediaSource PreprocessStatus Size Duration ModificationTime
		CoverURL Snapshots SpriteSnapshots DownloadSwitch TranscodeMode StorageClass TemplateGroupId UserData`) {
		cases = append(cases, vodCase{op: "SearchMedia", in: p("Match", "VideoId='v'", "Fields", field), shows: p("Fields: " + field), then: p("MediaList.0.Video." + field)})
	}
	return append(cases, f.chains(t)...)
}

func hundred() (out [][]string) {
	for _, name := range numbered(100) {
		out = append(out, p("AddCategory", "CateName", name, "ParentId", judo))
	}
	return out
}

// chains are calls that need an id from another's answer.
func (f *face) chains(t *testing.T) []vodCase {
	t.Helper()
	id := func(field, op string, params ...string) string {
		if got := f.try(t, f.clients[""], op, params...); got != "200" {
			t.Fatalf("%s %v: %s", op, params, got)
		}
		v, _ := find(f.body, field)
		return fmt.Sprint(v)
	}
	job := id("MediaRefreshJobId", "RefreshMediaPlayUrls", "MediaIds", "v,w", "TaskType", "Refresh", "Formats", "mp4", "Definitions", "SD", "StreamType", "video", "ResultType", "Multiple", "SliceFlag", "true", "UserData", "u")
	video := id("VideoId", "CreateUploadVideo", "Title", "t", "FileName", "dir/a.mp4", "Description", "d", "Tags", "x,y", "CoverURL", "http://c/3", "CateId", judo, "UserData", "{}", "TemplateGroupId", fakevod.NoTranscode, "AppId", "app-2", "FileSize", "77")
	image := id("ImageId", "CreateUploadImage", "ImageType", "cover", "Title", "t", "Description", "d", "Tags", "x", "CateId", judo, "OriginalFileName", "o.png", "UserData", "{}")
	attached := id("MediaId", "CreateUploadAttachedMedia", "BusinessType", "material", "MediaExt", "zip", "FileName", "a.png", "FileSize", "5", "Title", "t", "Description", "d", "Tags", "x,y", "CateIds", sports+","+judo, "UserData", "{}")
	require.NoError(t, f.OSS.Put(f.VOD.Bucket(), "in/a.mp4", strings.NewReader("")))
	address := "http://" + f.VOD.Bucket() + ".oss-cn-shanghai.aliyuncs.com/in/a.mp4"
	fresh := id("RegisteredMediaList.0.MediaId", "RegisterMedia", "RegisterMetadatas", `[{"FileURL":"`+address+`","Title":"t","Tags":"x"}]`, "TemplateGroupId", fakevod.NoTranscode, "UserData", "{}")
	require.NoError(t, f.VOD.Settle(t.Context()))
	token := id("ScrollToken", "SearchMedia", "PageSize", "3")
	f.saved = f.VOD.Snapshot() // with what was made above
	return []vodCase{
		{op: "GetMediaRefreshJobs", in: p("MediaRefreshJobId", job), shows: p("MediaRefreshJobId"), then: p("MediaRefreshJobs.#=2", "MediaRefreshJobs.0.Status=success")},
		{op: "GetMediaRefreshJobs", in: p("MediaRefreshJobId", job, "MediaId", "v"), shows: p("MediaId"), then: p("MediaRefreshJobs.#=1", "MediaRefreshJobs.0.UserData=u", `MediaRefreshJobs.0.FilterPolicy={"SliceFlag":true,"ResultType":"Multiple"}`)},
		{op: "RefreshMediaPlayUrls", in: p("MediaIds", "v", "TaskType", "Refresh"), shows: p("Formats", "Definitions", "StreamType", "ResultType", "SliceFlag", "UserData")},
		{op: "CreateUploadVideo", in: vodBase["CreateUploadVideo"], shows: p("Description", "Tags", "CoverURL", "CateId", "UserData", "TemplateGroupId", "AppId", "FileSize"),
			then: p("@"+video+".Description=d", "@"+video+".Tags=x,y", "@"+video+".CoverURL=http://c/3", "@"+video+".CateID="+judo, "@"+video+".UserData={}", "@"+video+".TranscodeMode=NoTranscode", "@"+video+".AppID=app-2", "@"+video+".Source.Size=77", "@"+video+".Source.FileName=a.mp4")},
		{op: "CreateUploadAttachedMedia", in: vodBase["CreateUploadAttachedMedia"], shows: p("BusinessType", "MediaExt", "FileName", "FileSize", "Title", "Description", "Tags", "CateIds", "UserData"),
			then: p("@"+attached+".Picture.Type=material", "@"+attached+".Picture.Ext=zip", "@"+attached+".Picture.FileName=a.png", "@"+attached+".Picture.Size=5", "@"+attached+".Picture.CateIDs.1="+judo,
				"@"+attached+".Title=t", "@"+attached+".Description=d", "@"+attached+".Tags=x,y", "@"+attached+".UserData={}")},
		{op: "RegisterMedia", in: p("RegisterMetadatas", `[{"FileURL":"`+address+`"}]`, "TemplateGroupId", fakevod.NoTranscode), shows: p("RegisterMetadatas", "TemplateGroupId", "UserData"),
			then: p("RegisteredMediaList.0.NewRegister=false", "RegisteredMediaList.0.MediaId="+fresh, "@"+fresh+".TranscodeMode=NoTranscode", "@"+fresh+".UserData={}", "@"+fresh+".Title=t")},
		{op: "GetImageInfo", in: p("ImageId", image), then: p("ImageInfo.ImageType=cover", "ImageInfo.Mezzanine.OriginalFileName=o.png")},
		{op: "CreateUploadImage", in: vodBase["CreateUploadImage"], shows: p("Title", "Description", "Tags", "CateId", "OriginalFileName", "UserData"),
			then: p("@"+image+".Title=t", "@"+image+".Description=d", "@"+image+".Tags=x", "@"+image+".CateID="+judo, "@"+image+".UserData={}")},
		{op: "SearchMedia", in: p("ScrollToken", token, "PageNo", "2", "PageSize", "3"), shows: p("ScrollToken"), then: p("MediaList.#=3", "ScrollToken="+token)},
		{op: "SearchMedia", in: p("ScrollToken", token, "PageNo", "90", "PageSize", "3"), want: "400 InvalidParameter", limit: "a scroll jumps ≤ 100 records"},
		{op: "SearchMedia", in: p("SearchType", "image", "ScrollToken", token), want: "400 InvalidParameter", limit: "ScrollToken for video and audio only"},
	}
}
