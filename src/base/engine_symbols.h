/* Functions of JavaScriptCore that are no API and may go with any version. Cells do without what is absent
   (cell/engine_jsc.c); `mayfly doctor` says so. */
#pragma once

#define ENGINE_SUSPEND_SCAVENGER "pas_scavenger_suspend"
#define ENGINE_DISABLE_GC_TIMER  "JSDisableGCTimer"
#define ENGINE_COLLECT_YOUNG     "_ZN3JSC11VMInspector6edenGCEPNS_2VME"
#define ENGINE_UNLINK            "_ZN3JSC2VM19deleteAllLinkedCodeENS_19DeleteAllCodeEffortE"
#define ENGINE_LOCK              "_ZN3JSC12JSLockHolderC1EPNS_2VME"
#define ENGINE_UNLOCK            "_ZN3JSC12JSLockHolderD1Ev"
