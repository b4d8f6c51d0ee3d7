package fakevod

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/localcloud/fakeram"
)

var (
	video    = str("VideoId").must()
	videos   = list("VideoIds").must()
	media    = list("MediaIds").must()
	mediaID  = str("MediaId").must()
	category = num("CateId", 0, 1, many).must()
	inCate   = num("CateId", 0, -1, many)
	app      = str("AppId")
	userData = str("UserData")
	pageNo   = num("PageNo", 1, 1, many)
	pageSize = num("PageSize", 10, 1, 100)
	byTime   = oneOf("SortBy", "CreationTime:Desc", "CreationTime:Asc")
	cateType = oneOf("Type", "default", "material")
	cateName = str("CateName").upTo(maxCateName).inBytes().must()
	// How addresses are signed. With OutputType oss they end within 30 days (output).
	output      = oneOf("OutputType", "cdn", "oss")
	authTimeout = num("AuthTimeout", 3600, 1, many)
	formats     = someOf("Formats", "mp4", "m3u8", "mp3", "flv", "mpd")
	definition  = someOf("Definition", "FD", "LD", "SD", "HD", "OD", "2K", "4K", "SQ", "HQ", "AUTO")
	states      = someOf("Status", "Uploading", "UploadFail", "UploadSucc", "Transcoding", "TranscodeFail", "Checking", "Blocked", "Normal", "ProduceFail")
	restoreTier = oneOf("RestoreTier", "Standard", "Expedited", "Bulk")
	scope       = oneOf("Scope", "All", "SourceFile")
)

// described are what people say of an asset: new ones count characters, changes bytes.
func described(more ...param) []param {
	return append(more, words("Description", maxDescription), tags("Tags"), inCate, userData)
}

func changed(more ...param) []param {
	for _, p := range []param{words("Title", maxTitle), words("Description", maxDescription), tags("Tags")} {
		more = append(more, p.inBytes())
	}
	return more
}

// each are the fields of the objects in UpdateContent.
func each(id string, fields ...param) []param {
	out := []param{str("UpdateContent").must()}
	for _, p := range changed(append([]param{str(id).must()}, fields...)...) {
		p.name = "UpdateContent[]." + p.name
		out = append(out, p)
	}
	return out
}

// operations is the API: what is neither here nor in notEmulated is InvalidApi.NotFound, and a parameter that
// is not in an operation's list is NotImplemented. The rates are those of vod-api.md 1.6;
// where it gives a range or none, the lower or that of the operation's nearest kin.
var operations map[string]operation

func init() { // the operations read the table
	operations = map[string]operation{
		"CreateUploadVideo": {80, createUploadVideo, "FileName", described(str("FileName").must(), words("Title", maxTitle).must(), str("CoverURL"),
			str("TemplateGroupId"), str("StorageLocation"), app, num("FileSize", 0, 1, many))},
		"RefreshUploadVideo": {80, refreshUploadVideo, "VideoId", []param{video}},
		"CreateUploadImage": {80, createUploadImage, "OriginalFileName", described(oneOf("ImageType", "default", "cover").must(), oneOf("ImageExt", imageExt...), words("Title", maxTitle),
			str("OriginalFileName"), str("StorageLocation"), app)},
		"GetVideoInfo":       {100, getVideoInfo, "VideoId", []param{video}},
		"GetVideoInfos":      {100, getVideoInfos, "VideoIds", []param{videos}},
		"BatchGetMediaInfos": {50, batchGetMediaInfos, "MediaIds", []param{media}},
		"UpdateVideoInfo":    {100, updateVideoInfo, "VideoId", changed(video, str("CoverURL"), inCate, userData)},
		"UpdateVideoInfos":   {30, updateVideoInfos, "UpdateContent", each("VideoId", str("CoverURL"), inCate)},
		"SearchMedia": {50, searchMedia, "Match", []param{str("Match"), str("Fields"), oneOf("SearchType", "video", "audio", "image", "attached"), str("SortBy"),
			pageNo, pageSize, str("ScrollToken")}},
		"GetVideoList": {50, getVideoList, "Status", []param{num("CateId", 0, -many, many), states, when("StartTime"), when("EndTime"), pageNo, pageSize, byTime, str("StorageLocation")}},
		"GetPlayInfo": {360, getPlayInfo, "VideoId", []param{video, oneOf("OutputType", "oss", "cdn"), authTimeout, formats, definition,
			someOf("StreamType", "video", "audio"), oneOf("ResultType", "Single", "Multiple")}},
		"GetMezzanineInfo": {100, getMezzanineInfo, "VideoId", []param{video, output, authTimeout, someOf("AdditionType", "video", "audio")}},
		"DeleteStream":     {50, deleteStream, "VideoId", []param{video, list("JobIds").must()}},
		"DeleteMezzanines": {50, deleteMezzanines, "VideoIds", []param{videos, oneOf("Force", "false", "true")}},
		"DeleteVideo":      {30, deleteVideo, "VideoIds", []param{videos}},
		"GetImageInfo":     {100, getImageInfo, "ImageId", []param{str("ImageId").must(), output, authTimeout}},
		"GetImageInfos":    {30, getImageInfos, "ImageIds", []param{list("ImageIds").must(), output, authTimeout}},
		"UpdateImageInfos": {30, updateImageInfos, "UpdateContent", each("ImageId", inCate)},
		"DeleteImage": {50, deleteImage, "DeleteImageType", []param{oneOf("DeleteImageType", "ImageId", "ImageURL", "VideoId").must(), list("ImageIds"), list("ImageURLs"),
			str("VideoId"), someOf("ImageType", "CoverSnapshot", "NormalSnapshot", "SpriteSnapshot", "SpriteOriginSnapshot", "All")}},
		"SetMessageCallback": {15, setMessageCallback, "AppId", []param{oneOf("CallbackType", "HTTP", "MNS"), str("CallbackURL").upTo(256).inBytes().otherFault(invalidParam("CallbackURL")),
			someOf("EventTypeList", eventTypes...), oneOf("AuthSwitch", "off", "on"), str("AuthKey"), str("MnsEndpoint"), str("MnsQueueName"), app}},
		"GetMessageCallback":    {15, getMessageCallback, "AppId", []param{app}},
		"DeleteMessageCallback": {15, deleteMessageCallback, "AppId", []param{app}},
		"GetCategories":         {50, getCategories, "CateId", []param{num("CateId", -1, -1, many), cateType, pageNo, pageSize, byTime}},
		"AddCategory":           {30, addCategory, "CateName", []param{cateName, num("ParentId", -1, -1, many), cateType}},
		"UpdateCategory":        {100, updateCategory, "CateId", []param{cateName, category}},
		"DeleteCategory":        {10, deleteCategory, "CateId", []param{category}},
		"ListSnapshots": {30, listSnapshots, "VideoId", []param{video, oneOf("SnapshotType", "", "CoverSnapshot", "NormalSnapshot", "SpriteSnapshot", "SpriteOriginSnapshot", "WebVttSnapshot"),
			pageNo, num("PageSize", 20, 1, 100), num("AuthTimeout", 3600, 3600, maxAuthOSS)}},
		"SubmitSnapshotJob":   {30, submitSnapshotJob, "VideoId", []param{video, num("SpecifiedOffsetTime", 0, 0, many), num("Interval", 1, 0, many), num("Count", 1, 1, many), userData}},
		"GetAIVideoTagResult": {50, getAIVideoTagResult, "MediaId", []param{str("MediaId").must()}},
		"UpdateMediaStorageClass": {50, updateMediaStorageClass, "MediaIds", []param{media, oneOf("StorageClass", "Standard", "IA", "Archive", "ColdArchive").must(), scope, restoreTier,
			oneOf("AllowUpdateWithoutTimeLimit", "false", "true")}},
		"RestoreMedia": {50, restoreMedia, "MediaIds", []param{media, num("RestoreDays", 1, 1, 365), restoreTier, scope}},
		"RefreshMediaPlayUrls": {50, refreshMediaPlayUrls, "MediaIds", []param{media, oneOf("TaskType", "Refresh", "Preload").must(), str("Formats"), str("Definitions"), str("StreamType"),
			oneOf("ResultType", "Single", "Multiple"), oneOf("SliceFlag", "false", "true"), num("SliceCount", 5, 1, 20), userData}},
		"GetMediaRefreshJobs": {50, getMediaRefreshJobs, "MediaRefreshJobId", []param{str("MediaRefreshJobId").must(), str("MediaId")}},
		"RefreshVodObjectCaches": {50, refreshVodObjectCaches, "ObjectPath", []param{str("ObjectPath").must(), oneOf("ObjectType", "File", "Directory", "Regex", "IgnoreParams").
			otherFault(refuse(400, "InvalidObjectType.ValueNotSupported", `The specified value of "ObjectType" is not supported.`))}},
		"CreateAudit":     {20, createAudit, "AuditContent", []param{str("AuditContent").must()}},
		"GetAuditHistory": {20, getAuditHistory, "VideoId", []param{video, pageNo, pageSize, byTime}},
		"MoveAppResource": {30, moveAppResource, "ResourceIds", []param{oneOf("ResourceType", "video", "image", "attached").must(), list("ResourceIds").must(),
			str("TargetAppId").must()}},
		"GetMediaAuditResult":       {20, getMediaAuditResult, "MediaId", []param{mediaID}},
		"GetMediaAuditResultDetail": {20, getMediaAuditResultDetail, "MediaId", []param{mediaID, num("PageNo", 1, 1, many/20).must()}},
		"SubmitAIMediaAuditJob":     {20, submitAIMediaAuditJob, "MediaId", []param{mediaID, oneOf("MediaType", "video", "image", "audio"), userData}},
		"GetAIMediaAuditJob":        {20, getAIMediaAuditJob, "JobId", []param{str("JobId").must()}},
		"SubmitAIJob":               {50, submitAIJob, "MediaId", []param{mediaID, someOf("Types", "AIVideoTag", "AIMediaDNA"), userData}},
		"ListAIJob":                 {50, listAIJob, "JobIds", []param{list("JobIds").atMost(10).must()}},
		"SubmitTranscodeJobs":       {15, submitTranscodeJobs, "VideoId", []param{video, str("TemplateGroupId").must(), num("Priority", 6, 1, 10), userData}},
		"GetTranscodeTask":          {15, getTranscodeTask, "TranscodeTaskId", []param{str("TranscodeTaskId"), list("JobIds").atMost(10)}},
		"GetTranscodeSummary":       {15, getTranscodeSummary, "VideoIds", []param{list("VideoIds").atMost(10).must()}},
		"ListTranscodeTask":         {15, listTranscodeTask, "VideoId", []param{video, when("StartTime"), when("EndTime"), pageNo, num("PageSize", 10, 1, 50)}},
		"RegisterMedia":             {50, registerMedia, "RegisterMetadatas", []param{str("RegisterMetadatas").must(), str("TemplateGroupId"), userData}},
		"CreateUploadAttachedMedia": {80, createUploadAttachedMedia, "BusinessType", []param{oneOf("BusinessType", "watermark", "subtitle", "material").must(), str("MediaExt"), str("FileName"),
			num("FileSize", 0, 1, many), words("Title", maxTitle).inBytes(), words("Description", maxDescription).inBytes(), tags("Tags"), list("CateIds").atMost(maxCategories),
			str("StorageLocation"), app, userData}},
		"GetAttachedMediaInfo":     {100, getAttachedMediaInfo, "MediaIds", []param{media.otherFault(tooManyMedia), output, authTimeout}},
		"UpdateAttachedMediaInfos": {100, updateAttachedMediaInfos, "UpdateContent", each("MediaId", list("CateIds").atMost(maxCategories))},
		"DeleteAttachedMedia":      {50, deleteAttachedMedia, "MediaIds", []param{media}},
		"DescribePlayTopVideos": {20, describePlayTopVideos, "BizDate", []param{when("BizDate").must().otherFault(refuse(400, "InvalidBizDate.Malformed", "Specified parameter BizDate is not valid.")),
			pageNo, num("PageSize", 100, 1, topVideos)}},
		"DescribePlayVideoStatis": {20, describePlayVideoStatis, "VideoId", []param{video, when("StartTime").must(), when("EndTime").must()}},
		"DescribePlayUserTotal":   {20, describePlayUserTotal, "StartTime", []param{when("StartTime").must(), when("EndTime").must()}},
		"GetCallerIdentity":       {0, getCallerIdentity, "", nil},
		"AssumeRole":              {100, assumeRole, "RoleArn", []param{str("RoleArn").must(), str("RoleSessionName").must().upTo(64), num("DurationSeconds", 3600, 900, 43200), str("Policy").upTo(2048)}},
	}
}

// ofSTS says whether an operation is one of STS, on the same face.
func ofSTS(op string) bool { return op == "GetCallerIdentity" || op == "AssumeRole" }

// notEmulated are operations that the official client has and this does not: it says so,
// where VOD's own words would say that there is no such operation.
var notEmulated = strings.Fields(`AddAITemplate AddEditingProject AddEditingProjectMaterials AddTranscodeTemplateGroup AddVodDomain AddVodStorageForApp AddVodTemplate AddWatermark
	AttachAppPolicyToIdentity BatchSetVodDomainConfigs BatchStartVodDomain BatchStopVodDomain CancelUrlUploadJobs ChangeResourceGroup CreateAppInfo
	DecryptKMSDataKey DeleteAIImageInfos DeleteAITemplate DeleteAppInfo DeleteDynamicImage DeleteEditingProject DeleteEditingProjectMaterials
	DeleteMultipartUpload DeleteTranscodeTemplateGroup DeleteVodDomain DeleteVodSpecificConfig DeleteVodTemplate DeleteWatermark
	DescribeMediaDistribution DescribePlayUserAvg DescribeVodAIData DescribeVodCertificateList DescribeVodDomainBpsData DescribeVodDomainBpsDataByLayer
	DescribeVodDomainCertificateInfo DescribeVodDomainConfigs DescribeVodDomainDetail DescribeVodDomainHitRateData DescribeVodDomainLog
	DescribeVodDomainQpsData DescribeVodDomainRealTimeBpsData DescribeVodDomainRealTimeByteHitRateData DescribeVodDomainRealTimeDetailData
	DescribeVodDomainRealTimeHttpCodeData DescribeVodDomainRealTimeQpsData DescribeVodDomainRealTimeReqHitRateData DescribeVodDomainRealTimeTrafficData
	DescribeVodDomainReqHitRateData DescribeVodDomainSrcBpsData DescribeVodDomainSrcTrafficData DescribeVodDomainTrafficData DescribeVodDomainUsageData
	DescribeVodEditingUsageData DescribeVodMediaPlayData DescribeVodRangeDataByLocateAndIspService DescribeVodRefreshQuota DescribeVodRefreshTasks
	DescribeVodSSLCertificateList DescribeVodStorageData DescribeVodTieringStorageData DescribeVodTieringStorageRetrievalData DescribeVodTranscodeData
	DescribeVodUserDomains DescribeVodVerifyContent DetachAppPolicyFromIdentity GenerateDownloadSecretKey GenerateKMSDataKey GetAIImageJobs
	GetAITemplate GetAppInfos GetDailyPlayRegionStatis GetDefaultAITemplate GetDigitalWatermarkExtractResult GetEditingProject
	GetEditingProjectMaterials GetJobDetail GetMediaAuditAudioResultDetail GetMediaAuditResultTimeline GetMediaDNAResult GetTranscodeTemplateGroup
	GetURLUploadInfos GetUploadDetails GetVideoPlayAuth GetVodTemplate GetWatermark ListAIImageInfo ListAITemplate ListAppInfo
	ListAppPoliciesForIdentity ListAuditSecurityIp ListDynamicImage ListJobInfo ListLiveRecordVideo ListTranscodeTemplateGroup ListVodTemplate
	ListWatermark PreloadVodObjectCaches ProduceEditingProjectVideo SearchEditingProject SetAuditSecurityIp SetCrossdomainContent SetDefaultAITemplate
	SetDefaultTranscodeTemplateGroup SetDefaultWatermark SetEditingProjectMaterials SetVodDomainCertificate SetVodDomainSSLCertificate
	SubmitAIImageAuditJob SubmitAIImageJob SubmitDigitalWatermarkExtractJob SubmitDynamicImageJob SubmitMediaDNADeleteJob SubmitPreprocessJobs
	SubmitWorkflowJob UpdateAITemplate UpdateAppInfo UpdateEditingProject UpdateTranscodeTemplateGroup UpdateVodDomain UpdateVodTemplate UpdateWatermark
	UploadMediaByURL UploadStreamByURL VerifyVodDomainOwner`)

// Operations lists what is emulated, sorted.
func Operations() []string {
	return slices.Sorted(maps.Keys(operations))
}

var roleARN = regexp.MustCompile(`^acs:ram::(\d+):role/([A-Za-z0-9._-]+)$`)

// assumeRole gives credentials of a role of this account; a policy narrows them further.
// Trust policies are not emulated: whoever may call may assume. The error words are those
// of the provider's general list, not verified.
func assumeRole(s *Server, c *call) (any, *fault) {
	m := roleARN.FindStringSubmatch(c.q.Get("RoleArn"))
	if m == nil || m[1] != s.opt.Account {
		return nil, refuse(400, "InvalidParameter.RoleArn", "The parameter RoleArn is wrongly formed.")
	}
	if !sessionName.MatchString(c.q.Get("RoleSessionName")) {
		return nil, refuse(400, "InvalidParameter.RoleSessionName", "The parameter RoleSessionName is wrongly formed.")
	}
	if !s.opt.Keys.Allowed(c.key.ID, "sts:AssumeRole", c.q.Get("RoleArn")) {
		return nil, refuse(403, "NoPermission", "You are not authorized to do this action. You should be authorized by RAM.")
	}
	var session *fakeram.Policy
	if text := c.q.Get("Policy"); text != "" {
		var err error
		if session, err = fakeram.ParsePolicy([]byte(text)); err != nil {
			return nil, refuse(400, "InvalidParameter.PolicyGrammar", "The parameter Policy has not passed grammar check.")
		}
	}
	k, ok := s.opt.Keys.Assume(m[2], s.opt.Account, time.Duration(c.number("DurationSeconds"))*time.Second, session)
	if !ok {
		return nil, refuse(404, "EntityNotExist.Role", "The specified Role not exists.")
	}
	id, _ := s.opt.Keys.Identity(k.ID)
	return reply{
		"AssumedRoleUser": map[string]string{"Arn": strings.Replace(id.ARN, "/local", "/"+c.q.Get("RoleSessionName"), 1), "AssumedRoleId": id.RoleID + ":" + c.q.Get("RoleSessionName")},
		"Credentials":     map[string]string{"AccessKeyId": k.ID, "AccessKeySecret": k.Secret, "SecurityToken": k.Token, "Expiration": stamp(k.Expires)},
	}, nil
}

var sessionName = regexp.MustCompile(`^[A-Za-z0-9.@_-]{2,64}$`)

func getCallerIdentity(s *Server, c *call) (any, *fault) {
	id, _ := s.opt.Keys.Identity(c.key.ID) // the gateway has found it
	out := reply{"AccountId": id.AccountID, "Arn": id.ARN, "IdentityType": id.IdentityType, "PrincipalId": id.PrincipalID}
	if id.RoleID != "" {
		out["RoleId"] = id.RoleID
	} else {
		out["UserId"] = id.UserID
	}
	return out, nil
}
