package imap

// Cap is a capability name (RFC 9051 §7.2.2). Capabilities are compared without case; unknown
// ones keep their spelling.
type Cap string

const (
	CapIMAP4rev1       Cap = "IMAP4rev1"
	CapIMAP4rev2       Cap = "IMAP4rev2"
	CapAppendLimit     Cap = "APPENDLIMIT" // with "=" and the limit in octets, RFC 7889
	CapBinary          Cap = "BINARY"
	CapCatenate        Cap = "CATENATE"
	CapChildren        Cap = "CHILDREN"
	CapCompressDeflate Cap = "COMPRESS=DEFLATE"
	CapCondStore       Cap = "CONDSTORE"
	CapContextSearch   Cap = "CONTEXT=SEARCH"
	CapContextSort     Cap = "CONTEXT=SORT"
	CapCreateSpecial   Cap = "CREATE-SPECIAL-USE"
	CapEnable          Cap = "ENABLE"
	CapESearch         Cap = "ESEARCH"
	CapID              Cap = "ID"
	CapIdle            Cap = "IDLE"
	CapInProgress      Cap = "INPROGRESS"
	CapListExtended    Cap = "LIST-EXTENDED"
	CapListMetadata    Cap = "LIST-METADATA" // RFC 9590
	CapListStatus      Cap = "LIST-STATUS"
	CapLiteralMinus    Cap = "LITERAL-"
	CapLiteralPlus     Cap = "LITERAL+"
	CapLoginDisabled   Cap = "LOGINDISABLED"
	CapMetadata        Cap = "METADATA" // RFC 5464
	CapMetadataServer  Cap = "METADATA-SERVER"
	CapMove            Cap = "MOVE"
	CapMultiAppend     Cap = "MULTIAPPEND"
	CapMultiSearch     Cap = "MULTISEARCH"
	CapNamespace       Cap = "NAMESPACE"
	CapNotify          Cap = "NOTIFY" // RFC 5465
	CapObjectID        Cap = "OBJECTID"
	CapPartial         Cap = "PARTIAL"
	CapQResync         Cap = "QRESYNC"
	CapQuota           Cap = "QUOTA"      // RFC 9208
	CapQuotaRes        Cap = "QUOTA=RES-" // with the name of a resource
	CapQuotaSet        Cap = "QUOTASET"
	CapReplace         Cap = "REPLACE"
	CapSASLIR          Cap = "SASL-IR"
	CapSaveDate        Cap = "SAVEDATE"
	CapSearchRes       Cap = "SEARCHRES"
	CapSpecialUse      Cap = "SPECIAL-USE"
	CapStartTLS        Cap = "STARTTLS"
	CapStatusSize      Cap = "STATUS=SIZE"
	CapUIDOnly         Cap = "UIDONLY"
	CapUIDPlus         Cap = "UIDPLUS"
	CapUnauthenticate  Cap = "UNAUTHENTICATE"
	CapUnselect        Cap = "UNSELECT"
	CapUTF8Accept      Cap = "UTF8=ACCEPT"
	CapWithin          Cap = "WITHIN"
)
