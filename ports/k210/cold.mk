# SPDX-License-Identifier: MIT
# What runs seldom is compiled for size: the compiler of Python, texts and tables, parsers, file systems, set-up. What
# moves pixels, runs bytecode or drives the KPU is not here; `make bench` and `make sizes` show both sides. What every
# bytecode goes through is inlined further, as upstream has it for the bytecode loop and the collector.
COPT_COLD ?= -Os -msave-restore -DNDEBUG
COPT_HOT ?= -O3 -DNDEBUG

HOT_PY = $(addprefix py/, bc map obj objfun objlist runtime)

COLD_PY = $(addprefix py/, argcheck asmbase binary builtinevex builtinhelp builtinimport compile emitbc emitcommon emitglue \
	formatfloat frozenmod lexer malloc modbuiltins modcmath modcollections moderrno modgc modio modmath \
	modmicropython modstruct modsys mpprint mpstate nlr objarray objattrtuple objboundmeth objcomplex objdeque objexcept \
	objfilter objint_mpz objmodule objnamedtuple objproperty objset objsingleton objstr objstrunicode objtuple pairheap parse \
	parsenum parsenumbase persistentcode reader repl ringbuf scheduler scope sequence showbc smallint stackctrl stream \
	unicode vstr warning)
COLD_EXTMOD = $(addprefix extmod/, modasyncio modbinascii moddeflate modframebuf modheapq modjson modmachine \
	machine_mem machine_i2c machine_pulse machine_signal machine_spi machine_uart modonewire modos modplatform modrandom \
	modre modselect modtime moductypes utime_mphal vfs vfs_blockdev vfs_fat vfs_fat_diskio vfs_fat_file vfs_lfs vfs_reader)
COLD_LIB = lib/littlefs/lfs2 lib/littlefs/lfs2_util lib/oofatfs/ff lib/oofatfs/ffunicode lib/uzlib/header \
	$(addprefix $(notdir $(LIBJPEG_DIR))/, jcapimin jcapistd jccoefct jcinit jcmainct jcmarker jcmaster jcomapi jcparam \
	jdapimin jdapistd jdinput jdmainct jdmarker jdmaster jmemmgr jutils)
COLD_PORT = $(addprefix ports/k210/, main board_power safe_mode settings starts storage flash_bdev trap_exception modk210 \
	machine_sdcard time_clock machine_pin machine_timer machine_pwm machine_wdt machine_rtc machine_i2c machine_spi modcryptolib modhashlib)
COLD_SDK = $(addprefix sdk/, dvp flash_write fpioa gpio gpiohs i2c pll rtc sysctl_pll timer uart uarths wdt)
COLD_MODULES = $(addprefix maix/, maix_fft maix_fpioa maix_gpio modmaix) $(addprefix lcd/, lcd_draw lcd_memory modlcd) \
	$(addprefix sensor/, chip gc0328 modsensor ov2640 ov5640 ov7740 sensor_reset sensor_settings sensor_size) \
	$(addprefix image/, bmp bmp_write conv3_layer image_absent image_args image_color image_conv3 image_draw image_file \
	image_find image_histogram image_load image_obj image_pixel image_record image_rotation image_save image_size \
	image_thresholds image_tones image_view image_warp modimage picture jpeg/absent jpeg/memory) \
	$(addprefix kpu/, kmodel_check kmodel_check_operators kmodel_layers kmodel_part kmodel_probe kmodel_skeleton \
	kmodel_tensors kmodel_why kmodel4_check kmodel4_conv kmodel4_extents kmodel4_nodes kmodel4_open kmodel4_probe \
	kmodel4_skeleton kmodel4_tensors kpu_face kpu_flow kpu_info kpu_load kpu_net kpu_part kpu_source kpu_yolo modkpu)

COLD_OBJ = $(addsuffix .o,$(addprefix $(BUILD)/,$(COLD_PY) $(COLD_EXTMOD) $(COLD_LIB) $(COLD_PORT) $(COLD_SDK) $(COLD_MODULES))) \
	$(addprefix $(BUILD)/,$(SHARED_C:.c=.o) $(DRIVERS_C:.c=.o))
$(COLD_OBJ): COPT = $(COPT_COLD)
$(addsuffix .o,$(addprefix $(BUILD)/,$(HOT_PY))): COPT = $(COPT_HOT)
