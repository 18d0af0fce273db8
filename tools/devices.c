/* tikhonov devices: what was found, what it was shown to do, what is chosen. */
#include "command.h"

#include <cjson/cJSON.h>
#include <stdio.h>

#include <getopt.h>

static const char help[] =
    "usage: tikhonov devices [--device D] [--json]\n\n"
    "Lists the platforms and devices of this machine. Each device runs the known-answer program,\n"
    "so that its conformance is what it was shown to do: exact (the scalar path's bits), bounded\n"
    "(within the stated bound) or wrong (not used). The last line says which one is chosen.\n\n"
    "  --device D     auto, scalar, opencl, an index such as 0.1, or part of a name\n"
    "                 (default: the variable TIKHONOV_DEVICE, else auto)\n"
    "  --json         prints one JSON object\n"
    "  --help, -h     this text\n";

static bool add_device(cJSON *list, const struct tik_device_info *device)
{
    cJSON *entry = cJSON_CreateObject();
    if (!cJSON_AddItemToArray(list, entry))
        return false;
    return cJSON_AddStringToObject(entry, "index", device->index) != NULL &&
           cJSON_AddStringToObject(entry, "platform", device->platform) != NULL &&
           cJSON_AddStringToObject(entry, "name", device->name) != NULL &&
           cJSON_AddStringToObject(entry, "driver", device->driver) != NULL &&
           cJSON_AddStringToObject(entry, "version", device->version) != NULL &&
           cJSON_AddStringToObject(entry, "type", tik_device_type_name(device->type)) != NULL &&
           cJSON_AddBoolToObject(entry, "usable", device->usable) != NULL &&
           cJSON_AddBoolToObject(entry, "chosen", device->chosen) != NULL &&
           cJSON_AddBoolToObject(entry, "host_unified_memory", device->host_unified_memory) !=
               NULL &&
           cJSON_AddStringToObject(entry, "conformance",
                                   tik_conformance_name(device->conformance)) != NULL &&
           cJSON_AddStringToObject(entry, "blas", device->blas != NULL ? device->blas : "") !=
               NULL &&
           cJSON_AddStringToObject(entry, "reason", device->reason) != NULL;
}

static int print_json(const struct tik_device_list *list)
{
    cJSON *root = cJSON_CreateObject();
    cJSON *devices = cJSON_AddArrayToObject(root, "devices");
    bool complete = devices != NULL;
    for (size_t i = 0; complete && i < list->count; i++)
        complete = add_device(devices, &list->devices[i]);
    complete = complete && cJSON_AddStringToObject(root, "choice", list->choice) != NULL;
    if (!complete) {
        cJSON_Delete(root);
        root = NULL;
    }
    return command_print_json(root);
}

static void print_line(const char *label, const char *text)
{
    if (text[0] != '\0')
        printf("    %-12s %s\n", label, text);
}

static void print_device(const struct tik_device_info *device)
{
    printf("%-8s %s%s\n", device->index[0] != '\0' ? device->index : "-",
           device->name[0] != '\0' ? device->name : "no device",
           device->chosen ? "   (chosen)" : "");
    print_line("platform", device->platform);
    print_line("driver", device->driver);
    print_line("version", device->version);
    if (!device->usable) {
        print_line("skipped", device->reason);
    } else {
        print_line("type", tik_device_type_name(device->type));
        print_line("memory", device->host_unified_memory ? "shared with the host" : "its own");
        print_line("conformance", tik_conformance_name(device->conformance));
        print_line("why", device->reason);
        if (device->blas != NULL)
            printf("    %-12s %s, bounded (muon's products)\n", "matrices", device->blas);
    }
    putchar('\n');
}

static int list_devices(const char *device, bool json)
{
    struct tik_context_options options;
    command_context_options(&options, device, false);
    struct tik_device_list *list;
    const enum tik_status status = tik_device_list_create(&options, true, &list);
    if (status != TIK_OK)
        return command_failure(status);
    int code = COMMAND_OK;
    if (json)
        code = print_json(list);
    for (size_t i = 0; !json && i < list->count; i++)
        print_device(&list->devices[i]);
    if (!json)
        puts(list->choice);
    tik_device_list_destroy(list);
    return code;
}

int devices_run(int argc, char **argv)
{
    enum { DEVICE = 256, JSON };
    static const struct option options[] = {
        {"device", required_argument, NULL, DEVICE},
        {"json", no_argument, NULL, JSON},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *device = NULL;
    bool json = false;
    opterr = 0;
    for (int result; (result = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
        switch (result) {
        case DEVICE:
            device = optarg;
            break;
        case JSON:
            json = true;
            break;
        case 'h':
            fputs(help, stdout);
            return COMMAND_OK;
        default:
            return command_bad_option(result, argv);
        }
    }
    if (optind < argc)
        return command_bad_operand(argv[optind]);
    return list_devices(device, json);
}
